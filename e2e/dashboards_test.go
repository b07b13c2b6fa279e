//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// period is how far back the dashboards look for changes, in place of days. For
// so long a change is found, so it has to be longer than a round of all queries.
const period = 8 * time.Second

// dashboard is the part of a dashboard that asks Prometheus something.
type dashboard struct {
	Templating struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Definition string `json:"definition"` // a query's
			Regex      string `json:"regex"`
			IncludeAll bool   `json:"includeAll"`
			AllValue   string `json:"allValue"`
		} `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []target `json:"list"`
	} `json:"annotations"`
	Panels []struct {
		Title   string   `json:"title"`
		Targets []target `json:"targets"`
	} `json:"panels"`
}

type target struct {
	Name    string `json:"name"` // an annotation's
	RefID   string `json:"refId"`
	Expr    string `json:"expr"`
	Instant bool   `json:"instant"`
}

var errEmpty = errors.New("the result is empty")

// checkDashboards runs every query of every dashboard until each has found
// something, those on one pool with at least one of the pools. A query that
// fails ends the test.
func (s *stack) checkDashboards(ctx context.Context, t *testing.T, pools []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	names, err := filepath.Glob("../dashboards/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("No dashboards: %v", err)
	}
	type question struct {
		what   string
		ranged bool
		exprs  []string // of which one has to find something
	}
	var open []question
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var variables []map[string]string
		for _, pool := range pools {
			variables = append(variables, s.variables(ctx, t, &d, pool))
		}
		ask := func(what, expr string, ranged bool) {
			q := question{what: filepath.Base(name) + ": " + what, ranged: ranged}
			for _, v := range variables {
				q.exprs = append(q.exprs, fill(expr, v))
			}
			slices.Sort(q.exprs)
			q.exprs = slices.Compact(q.exprs)
			open = append(open, q)
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				ask(p.Title+", query "+q.RefID, q.Expr, !q.Instant)
			}
		}
		for _, a := range d.Annotations.List {
			if a.Expr != "" {
				ask("annotation "+a.Name, a.Expr, true)
			}
		}
	}
	await(ctx, t, fmt.Sprintf("all %d queries of the dashboards find something", len(open)), func() error {
		open = slices.DeleteFunc(open, func(q question) bool {
			return slices.ContainsFunc(q.exprs, func(expr string) bool {
				ask := s.query
				if q.ranged {
					ask = s.queryRange
				}
				_, err := ask(ctx, expr)
				if err != nil && !errors.Is(err, errEmpty) && ctx.Err() == nil {
					t.Fatalf("%s: %v\n%s", q.what, err, expr)
				}
				return err == nil
			})
		})
		var left []string
		for _, q := range open {
			left = append(left, q.what+": "+q.exprs[0])
		}
		if len(left) > 0 {
			return fmt.Errorf("nothing is found by\n%s", strings.Join(left, "\n"))
		}
		return nil
	})
}

var (
	variable    = regexp.MustCompile(`\$(__)?[a-z]\w*`)
	labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	labelNames  = regexp.MustCompile(`^label_names\((.*)\)$`)
	queryResult = regexp.MustCompile(`^query_result\((.*)\)$`)
)

func fill(expr string, values map[string]string) string {
	return variable.ReplaceAllStringFunc(expr, func(name string) string {
		if value, ok := values[name[1:]]; ok {
			return value
		}
		return name
	})
}

// variables gives the dashboard's variables the values that Grafana would, for
// the one pool; all, where all can be chosen.
func (s *stack) variables(ctx context.Context, t *testing.T, d *dashboard, pool string) map[string]string {
	t.Helper()
	values := map[string]string{"__rate_interval": "30s"}
	for _, v := range d.Templating.List {
		switch v.Type {
		case "datasource":
		case "custom":
			values[v.Name] = v.AllValue
			if v.Name == "period" {
				values[v.Name] = period.String()
			}
		case "query":
			found, err := s.options(ctx, fill(v.Definition, values), v.Regex)
			// What belongs to an identity is empty without one.
			if err != nil && (!errors.Is(err, errEmpty) || !strings.HasPrefix(v.Name, "identity")) {
				t.Fatalf("Variable %s: %v", v.Name, err)
			}
			switch {
			case v.IncludeAll:
				values[v.Name] = v.AllValue
			case v.Name == "pool":
				if values[v.Name] = pool; !slices.Contains(found, pool) {
					t.Fatalf("Variable %s has no value %s, only %q", v.Name, pool, found)
				}
			case len(found) > 0:
				values[v.Name] = found[0]
			default:
				values[v.Name] = ""
			}
		default:
			t.Fatalf("Variable %s is of type %s", v.Name, v.Type)
		}
	}
	return values
}

// options returns the values of a variable, in the way that Grafana reads them
// off the text of a result.
func (s *stack) options(ctx context.Context, definition, pattern string) ([]string, error) {
	var values []string
	if m := labelValues.FindStringSubmatch(definition); m != nil {
		found, err := s.query(ctx, m[1])
		for _, labels := range found {
			if value := labels[m[2]]; value != "" {
				values = append(values, value)
			}
		}
		return values, nonEmpty(values, err)
	}
	re, err := regexp.Compile(strings.TrimSuffix(strings.Trim(pattern, "/"), "/g"))
	if err != nil {
		return nil, err
	}
	if m := labelNames.FindStringSubmatch(definition); m != nil {
		found, err := s.query(ctx, m[1])
		for _, labels := range found {
			for name := range labels {
				if re.MatchString(name) {
					values = append(values, name)
				}
			}
		}
		slices.Sort(values)
		return slices.Compact(values), nonEmpty(values, err)
	}
	m := queryResult.FindStringSubmatch(definition)
	if m == nil {
		return nil, fmt.Errorf("%q is not label_values, label_names or query_result", definition)
	}
	found, err := s.query(ctx, m[1])
	for _, labels := range found {
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(labels)) {
			pairs = append(pairs, name+`="`+labels[name]+`"`)
		}
		text, groups := "{"+strings.Join(pairs, ",")+"} 1 1", map[string]string{}
		matches := re.FindAllStringSubmatch(text, -1)
		for _, match := range matches {
			for i, name := range re.SubexpNames() {
				if match[i] != "" {
					groups[name] = match[i]
				}
			}
		}
		switch {
		case len(matches) == 0:
			continue
		case re.NumSubexp() == 1:
			groups["value"] = matches[0][1]
		case groups["value"] == "" || groups["text"] == "":
			return nil, fmt.Errorf("%s does not find a value and a text in %s", pattern, text)
		}
		values = append(values, groups["value"])
	}
	return values, nonEmpty(values, err)
}

func nonEmpty(values []string, err error) error {
	if err == nil && len(values) == 0 {
		return errEmpty
	}
	return err
}

// query returns the labels of what the instant query finds, [errEmpty] if
// that is nothing.
func (s *stack) query(ctx context.Context, expr string) ([]map[string]string, error) {
	return s.ask(ctx, "/api/v1/query", url.Values{"query": {expr}})
}

// queryRange is query over the last minute.
func (s *stack) queryRange(ctx context.Context, expr string) ([]map[string]string, error) {
	now := time.Now().Unix()
	return s.ask(ctx, "/api/v1/query_range", url.Values{"query": {expr}, "step": {"5"}, "start": {strconv.FormatInt(now-60, 10)}, "end": {strconv.FormatInt(now, 10)}})
}

func (s *stack) ask(ctx context.Context, path string, parameters url.Values) ([]map[string]string, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string `json:"metric"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := call(ctx, http.MethodGet, "http://"+s.prometheus+path+"?"+parameters.Encode(), nil, &answer); err != nil {
		return nil, err
	}
	var found []map[string]string
	for _, r := range answer.Data.Result {
		found = append(found, r.Metric)
	}
	if len(found) == 0 {
		return nil, errEmpty
	}
	return found, nil
}
