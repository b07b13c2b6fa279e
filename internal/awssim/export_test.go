package awssim

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
	f, ok := findStatistic(name)
	if !ok {
		return 0, false
	}
	return f(values), true
}
