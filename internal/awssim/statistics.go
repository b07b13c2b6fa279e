package awssim

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// statistic computes one number of values, which are sorted and not empty. NaN
// is no number: nothing is left of the values.
type statistic func(values []float64) float64

// basicStatistics are those that the parameter Statistics can name.
var basicStatistics = map[string]statistic{
	"Average":     mean,
	"Maximum":     func(values []float64) float64 { return values[len(values)-1] },
	"Minimum":     func(values []float64) float64 { return values[0] },
	"SampleCount": func(values []float64) float64 { return float64(len(values)) },
	"Sum":         sum,
}

var (
	shortStatistic = regexp.MustCompile(`^(p|tm|wm|tc|ts)(\d{1,2}(?:\.\d{1,10})?|100)$`)
	longStatistic  = regexp.MustCompile(`^(TM|WM|TC|TS|PR)\((\d+(?:\.\d{1,10})?%?)?:(\d+(?:\.\d{1,10})?%?)?\)$`)
)

// extendedStatistic returns a percentile, percentile rank, or mean, count or
// sum of trimmed or winsorized values, nil if there is no such statistic.
func extendedStatistic(name string) statistic {
	if name == "IQM" {
		name = "TM(25%:75%)"
	}
	var kind, low, high string
	if m := shortStatistic.FindStringSubmatch(name); m != nil {
		kind, high = m[1], m[2]+"%"
	} else if m := longStatistic.FindStringSubmatch(name); m != nil {
		kind, low, high = strings.ToLower(m[1]), m[2], m[3]
	}
	shares := strings.Count(low+high, "%")
	if low+high == "" || kind == "pr" && shares > 0 || low != "" && high != "" && shares == 1 {
		return nil
	}
	return func(values []float64) float64 {
		from, to := 0, len(values)
		if low != "" {
			from = boundary(values, low, math.Floor)
		}
		if high != "" {
			to = boundary(values, high, math.Ceil)
		}
		from = min(from, to)
		within := values[from:to]
		switch kind {
		case "p":
			return values[max(to, 1)-1]
		case "tc":
			return float64(len(within))
		case "ts":
			return sum(within)
		case "pr":
			return 100 * float64(len(within)) / float64(len(values))
		case "wm":
			if len(within) == 0 {
				return math.NaN()
			}
			clamped := slices.Clone(values)
			for i, v := range clamped {
				clamped[i] = min(max(v, within[0]), within[len(within)-1])
			}
			return mean(clamped)
		default:
			return mean(within)
		}
	}
}

// boundary returns how many values lie below a boundary: a share of all such
// as 10%, rounded, or those that are not greater than a number.
func boundary(values []float64, text string, round func(float64) float64) int {
	number, isShare := strings.CutSuffix(text, "%")
	bound, _ := strconv.ParseFloat(number, 64) // The pattern admits only numbers.
	if isShare {
		share := float64(len(values)) * bound / 100
		if nearest := math.Round(share); math.Abs(share-nearest) < 1e-9 {
			share = nearest // It differs only by the error of the arithmetic.
		}
		return min(int(round(share)), len(values))
	}
	i, _ := slices.BinarySearchFunc(values, bound, func(v, bound float64) int { return cmp.Or(cmp.Compare(v, bound), -1) })
	return i
}

func sum(values []float64) (total float64) {
	for _, v := range values {
		total += v
	}
	return total
}

func mean(values []float64) float64 {
	switch n := len(values); {
	case n == 0:
		return math.NaN()
	case values[0] == values[n-1]:
		return values[0] // Without the rounding of a long sum.
	default:
		return sum(values) / float64(n)
	}
}
