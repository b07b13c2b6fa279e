package awssim

import "encoding/json"

// Operations lists what is answered, by service.
func Operations() map[string][]string {
	all := map[string][]string{}
	for service, known := range operations {
		for name := range known {
			all[service] = append(all[service], name)
		}
	}
	return all
}

// Statistic computes a statistic of sorted values.
func Statistic(name string, values []float64) (float64, bool) {
	f := basicStatistics[name]
	if f == nil {
		f = extendedStatistic(name)
	}
	if f == nil {
		return 0, false
	}
	return f(values), true
}

// JSON is the fleet as GET /_fleet answers it.
func JSON(f *Fleet) ([]byte, error) {
	v, err := f.plain()
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
