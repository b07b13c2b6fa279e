package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// parameter is one that a query may have. An empty value is as good as none,
// since forms send it.
type parameter struct {
	name    string
	allowed string // values, in words
	fits    func(value string) bool
}

const (
	pageSize = 100
	mostRows = 1000
)

var (
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	regionName = regexp.MustCompile(`^[a-z]+(-[a-z]+)+-[0-9]+$`)

	ofAccount = parameter{"account", "an account ID of 12 digits", accountID.MatchString}
	ofRegion  = parameter{"region", "the name of a region, such as eu-west-1", regionName.MatchString}
	ofPool    = parameter{"pool", "the ID of a user pool", func(string) bool { return true }}
	ofText    = parameter{"q", "any text", func(string) bool { return true }}

	nothing        = []parameter{}
	poolParameters = []parameter{
		ofAccount, ofRegion, oneOf("mode", inventory.Modes()), oneOf("state", states()), oneOf("severity", rules.Severities()), ofText,
		{"sort", "one of " + strings.Join(sortKeys, ", ") + ", with or without a minus before it", func(value string) bool {
			return slices.Contains(sortKeys, strings.TrimPrefix(value, "-"))
		}},
		between("offset", 0, 1<<31-1), between("limit", 1, mostRows),
	}
	targetParameters = []parameter{ofAccount, ofRegion, oneOf("state", targetStates()), ofText, between("offset", 0, 1<<31-1), between("limit", 1, mostRows)}
	changeParameters = []parameter{ofAccount, ofRegion, ofPool, oneOf("field", inventory.Fields()), between("offset", 0, 1<<31-1), between("limit", 1, mostRows)}
	planParameters   = []parameter{ofAccount, between("offset", 0, 1<<31-1), between("limit", 1, mostRows)}
	pageParameters   = []parameter{between("offset", 0, 1<<31-1), between("limit", 1, mostRows)}
)

func oneOf[T ~string](name string, values []T) parameter {
	var all []string
	for _, v := range values {
		all = append(all, string(v))
	}
	return parameter{name, "one of " + strings.Join(all, ", "), func(value string) bool { return slices.Contains(all, value) }}
}

func between(name string, least, most int) parameter {
	return parameter{name, fmt.Sprintf("a number from %d to %d", least, most), func(value string) bool {
		n, err := strconv.Atoi(value)
		return err == nil && n >= least && n <= most
	}}
}

// checkQuery says what is wrong with a query that may have the parameters, and
// what is allowed.
func checkQuery(raw string, allowed []parameter) error {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return fmt.Errorf("the query cannot be parsed: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		i := slices.IndexFunc(allowed, func(p parameter) bool { return p.name == name })
		switch {
		case i < 0 && len(allowed) == 0:
			return fmt.Errorf("unknown parameter %q: there are none here", name)
		case i < 0:
			var names []string
			for _, p := range allowed {
				names = append(names, p.name)
			}
			return fmt.Errorf("unknown parameter %q: it must be one of %s", name, strings.Join(names, ", "))
		case len(q[name]) > 1:
			return fmt.Errorf("parameter %s is given %d times", name, len(q[name]))
		case q.Get(name) != "" && !allowed[i].fits(q.Get(name)):
			return fmt.Errorf("parameter %s must be %s, not %q", name, allowed[i].allowed, q.Get(name))
		}
	}
	return nil
}

// checked answers a request whose query may have the parameters; any other
// with status 400. Nil does not look at the query.
func (s *site) checked(allowed []parameter, answer http.HandlerFunc) http.HandlerFunc {
	if allowed == nil {
		return answer
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if err := checkQuery(r.URL.RawQuery, allowed); err != nil {
			s.fail(w, r, http.StatusBadRequest, err.Error())
			return
		}
		answer(w, r)
	}
}

// filter says what of a list is asked for; empty fields ask for all.
type filter struct {
	Account, Region, Mode, State, Severity, Text, Sort string
	Pool, Field                                        string

	Offset, Limit int
}

// parseFilter reads a query that was checked.
func parseFilter(q url.Values) filter {
	number := func(key string, otherwise int) int {
		if n, err := strconv.Atoi(q.Get(key)); err == nil {
			return n
		}
		return otherwise
	}
	return filter{
		Account: q.Get("account"), Region: q.Get("region"), Mode: q.Get("mode"), State: q.Get("state"),
		Severity: q.Get("severity"), Text: q.Get("q"), Sort: q.Get("sort"), Pool: q.Get("pool"), Field: q.Get("field"),
		Offset: number("offset", 0), Limit: number("limit", pageSize),
	}
}

// query is the filter as the query of a link, with changes to it.
func (f filter) query(changes ...string) string {
	q := url.Values{}
	for key, value := range map[string]string{
		"account": f.Account, "region": f.Region, "mode": f.Mode, "state": f.State, "severity": f.Severity, "q": f.Text, "sort": f.Sort, "pool": f.Pool, "field": f.Field,
	} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if f.Limit != pageSize {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	for i := 0; i+1 < len(changes); i += 2 {
		q.Del(changes[i])
		if changes[i+1] != "" {
			q.Set(changes[i], changes[i+1])
		}
	}
	return "?" + q.Encode()
}

// Everything reports whether the filter lets everything pass.
func (f filter) Everything() bool {
	return f.Account == "" && f.Region == "" && f.Mode == "" && f.State == "" && f.Severity == "" && f.Text == "" && f.Pool == "" && f.Field == ""
}

// pages returns links to the neighbouring pages of one that shows so many of
// the total, empty where there is none.
func (f filter) pages(shown, total int) (before, after string) {
	if f.Offset > 0 {
		offset := ""
		if f.Offset > f.Limit {
			offset = strconv.Itoa(f.Offset - f.Limit)
		}
		before = f.query("offset", offset)
	}
	if f.Offset+shown < total && shown > 0 {
		after = f.query("offset", strconv.Itoa(f.Offset+f.Limit))
	}
	return before, after
}
