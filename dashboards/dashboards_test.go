// Package dashboards_test holds the Grafana dashboards against their own
// rules and against the metric tables. That their queries find something is
// the end-to-end test's affair.
package dashboards_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
)

// The uids are in people's bookmarks and in the links between the dashboards.
var uids = map[string]string{
	"exporter.json": "cognito-ses-exporter",
	"overview.json": "cognito-ses-overview",
	"pool.json":     "cognito-ses-pool",
}

// panelTypes are those that are used, all of them part of Grafana 11 itself.
var panelTypes = []string{"bargauge", "row", "stat", "state-timeline", "table", "timeseries"}

type dashboard struct {
	UID           string   `json:"uid"`
	Title         string   `json:"title"`
	SchemaVersion int      `json:"schemaVersion"`
	Inputs        any      `json:"__inputs"`
	Tags          []string `json:"tags"`
	Links         []struct {
		Type string   `json:"type"`
		Tags []string `json:"tags"`
		URL  string   `json:"url"`
	} `json:"links"`
	Templating struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []target `json:"list"`
	} `json:"annotations"`
	Panels []panel `json:"panels"`
}

type variable struct {
	Name       string      `json:"name"`
	Type       string      `json:"type"`
	Definition string      `json:"definition"`
	Query      any         `json:"query"`
	Datasource *datasource `json:"datasource"`
	Multi      bool        `json:"multi"`
	IncludeAll bool        `json:"includeAll"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	GridPos     struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Datasource  *datasource `json:"datasource"`
	Targets     []target    `json:"targets"`
	FieldConfig struct {
		Defaults struct {
			Unit       string `json:"unit"`
			NoValue    string `json:"noValue"`
			Thresholds struct {
				Steps []struct {
					Color string   `json:"color"`
					Value *float64 `json:"value"`
				} `json:"steps"`
			} `json:"thresholds"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Transformations []transformation `json:"transformations"`
}

type transformation struct {
	ID      string `json:"id"`
	Options struct {
		IndexByName map[string]int `json:"indexByName"`
		Include     struct {
			Names []string `json:"names"`
		} `json:"include"`
	} `json:"options"`
}

type target struct {
	RefID        string      `json:"refId"`
	Expr         string      `json:"expr"`
	LegendFormat string      `json:"legendFormat"`
	Format       string      `json:"format"`
	Datasource   *datasource `json:"datasource"`
}

func load(t *testing.T) (boards map[string]*dashboard, texts map[string]string) {
	t.Helper()
	names, err := filepath.Glob("*.json")
	if err != nil {
		t.Fatal(err)
	}
	boards, texts = map[string]*dashboard{}, map[string]string{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d := &dashboard{}
		if err := json.Unmarshal(data, d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		boards[name], texts[name] = d, string(data)
	}
	return boards, texts
}

func TestDashboards(t *testing.T) {
	boards, _ := load(t)
	if len(boards) != len(uids) {
		t.Errorf("%d dashboards, want %d", len(boards), len(uids))
	}
	for name, d := range boards {
		if d.UID != uids[name] {
			t.Errorf("%s: uid is %q, want %q", name, d.UID, uids[name])
		}
		if d.Title == "" || d.SchemaVersion != 39 || d.Inputs != nil {
			t.Errorf("%s: want a title, the schemaVersion 39 of Grafana 11 and no __inputs", name)
		}
		if len(d.Links) == 0 || d.Links[0].Type != "dashboards" || !slices.Equal(d.Links[0].Tags, d.Tags) {
			t.Errorf("%s: the first link is not to the dashboards with its own tags", name)
		}
		for _, l := range d.Links[1:] {
			if m := address.FindStringSubmatch(l.URL); m == nil || !slices.ContainsFunc(d.Templating.List, func(v variable) bool { return v.Name == m[1] }) {
				t.Errorf("%s: a link leads to %s, not to what a variable says", name, l.URL)
			}
		}
		if len(d.Templating.List) == 0 || d.Templating.List[0].Type != "datasource" || d.Templating.List[0].Query != "prometheus" {
			t.Errorf("%s: the first variable is not a Prometheus data source", name)
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				checkDatasource(t, name+": variable "+v.Name, v.Datasource)
			}
			if slices.Contains([]string{"account", "region", "mode", "severity"}, v.Name) && (!v.Multi || !v.IncludeAll) {
				t.Errorf("%s: several values, or all, cannot be chosen for %s", name, v.Name)
			}
		}
		for i, p := range d.Panels {
			checkPanel(t, name+": "+p.Title, &p)
			for _, q := range d.Panels[:i] {
				if p.ID == q.ID {
					t.Errorf("%s: %q and %q have the same id", name, q.Title, p.Title)
				}
				a, b := p.GridPos, q.GridPos
				if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
					t.Errorf("%s: %q covers %q", name, q.Title, p.Title)
				}
			}
		}
	}
}

// TestAPIsReadWhenDue checks that the dashboard calls the same APIs old as the
// alert, which leaves out those that are read only when they are due.
func TestAPIsReadWhenDue(t *testing.T) {
	alerts, err := os.ReadFile("../rules/prometheus/exporter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	counted := regexp.MustCompile(`api!~"[^"]+"`).FindString(string(alerts))
	if counted == "" {
		t.Fatal("the alert leaves no API out")
	}
	boards, _ := load(t)
	i := slices.IndexFunc(boards["exporter.json"].Panels, func(p panel) bool { return p.Title == "APIs past stale_after" })
	if i < 0 || !strings.Contains(boards["exporter.json"].Panels[i].Targets[0].Expr, counted) {
		t.Errorf("APIs past stale_after does not count those with %s", counted)
	}
}

func checkPanel(t *testing.T, what string, p *panel) {
	t.Helper()
	if !slices.Contains(panelTypes, p.Type) {
		t.Errorf("%s: type %s", what, p.Type)
	}
	if p.Title == "" || p.GridPos.W < 1 || p.GridPos.H < 1 || p.GridPos.X+p.GridPos.W > 24 {
		t.Errorf("%s: no title, or outside of the page", what)
	}
	if p.Type == "row" {
		return
	}
	if !strings.HasSuffix(p.Description, ".") {
		t.Errorf("%s: no description in sentences", what)
	}
	checkDatasource(t, what, p.Datasource)
	if p.FieldConfig.Defaults.Unit == "" {
		t.Errorf("%s: no unit", what)
	}
	if p.FieldConfig.Defaults.NoValue == "" {
		t.Errorf("%s: no text for when there is no value", what)
	}
	if len(p.FieldConfig.Defaults.Thresholds.Steps) == 0 {
		t.Errorf("%s: no thresholds", what)
	}
	for i, s := range p.FieldConfig.Defaults.Thresholds.Steps {
		if s.Color == "" || (s.Value == nil) != (i == 0) {
			t.Errorf("%s: threshold %d without a color, or a first one with a value", what, i)
		}
	}
	if len(p.Targets) == 0 {
		t.Errorf("%s: no query", what)
	}
	for _, q := range p.Targets {
		checkDatasource(t, what, q.Datasource)
		switch {
		case q.Expr == "" || q.RefID == "":
			t.Errorf("%s: an empty query", what)
		case p.Type == "table" && q.Format != "table":
			t.Errorf("%s: a table whose query has the format %q", what, q.Format)
		case p.Type != "table" && (q.LegendFormat == "" || q.LegendFormat == "__auto"):
			t.Errorf("%s: no legend", what)
		}
	}
}

func checkDatasource(t *testing.T, what string, d *datasource) {
	t.Helper()
	if d == nil || d.Type != "prometheus" || d.UID != "${datasource}" {
		t.Errorf("%s: the data source is not the variable's", what)
	}
}

var (
	link     = regexp.MustCompile(`/d/([\w-]+)\?([^"]*)`)
	linkVar  = regexp.MustCompile(`var-(\w+)=|\$\{(\w+):queryparam\}`)
	metric   = regexp.MustCompile(`cognito_ses_[a-z0-9_]+`)
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right) \(([^)]*)\)`)
	made     = regexp.MustCompile(`"([a-z_]+)", "(?:\$1| · )?"`) // by label_replace and label_join
	legend   = regexp.MustCompile(`\{\{(\w+)\}\}`)
	wanted   = regexp.MustCompile(`^label_values\(.*, (\w+)\)$`)
	used     = regexp.MustCompile(`\$\{?([A-Za-z_]\w*)`)
	address  = regexp.MustCompile(`^\$\{(\w+):raw\}[a-z/]*(?:/?\$\{\w+\})*$`)
	view     = regexp.MustCompile(`&viewPanel=(\d+)$`)
	cell     = regexp.MustCompile(`\$\{__data\.fields\.(\w+)`)
)

// TestLinks follows the links from one dashboard to another.
func TestLinks(t *testing.T) {
	boards, texts := load(t)
	links := 0
	for name, text := range texts {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			links++
			var to *dashboard
			for _, d := range boards {
				if d.UID == m[1] {
					to = d
				}
			}
			if to == nil {
				t.Errorf("%s: a link to %s, which is no dashboard", name, m[1])
				continue
			}
			if v := view.FindStringSubmatch(m[2]); v != nil && !slices.ContainsFunc(to.Panels, func(p panel) bool { return strconv.Itoa(p.ID) == v[1] && p.Type == "table" }) {
				t.Errorf("%s: a link to panel %s of %s, which is no table", name, v[1], m[1])
			}
			for _, v := range linkVar.FindAllStringSubmatch(m[2], -1) {
				if !slices.ContainsFunc(to.Templating.List, func(x variable) bool { return x.Name == v[1]+v[2] }) {
					t.Errorf("%s: a link to %s sets %s, which is no variable there", name, m[1], v[1]+v[2])
				}
			}
		}
	}
	if links < 3 {
		t.Errorf("only %d links", links)
	}
	for name, text := range texts {
		if strings.Contains(text, "://") {
			t.Errorf("%s: a link to a fixed address", name)
		}
	}
}

// TestCells fails on a link that takes a part from a column that the table
// does not have.
func TestCells(t *testing.T) {
	_, texts := load(t)
	found := 0
	for name, text := range texts {
		var d struct{ Panels []json.RawMessage }
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		for _, data := range d.Panels {
			var p panel
			if err := json.Unmarshal(data, &p); err != nil {
				t.Fatal(err)
			}
			for _, m := range cell.FindAllSubmatch(data, -1) {
				found++
				if !slices.ContainsFunc(p.Transformations, func(tr transformation) bool { return slices.Contains(tr.Options.Include.Names, string(m[1])) }) {
					t.Errorf("%s: %s: a link with the column %s, which is not there", name, p.Title, m[1])
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d links with columns", found)
	}
}

// TestLabels fails on a label, in a query, a legend or a column, that no
// metric of the query has, and on a variable that the dashboard does not have.
// Selectors and the names of metrics are checked with the metric tables.
func TestLabels(t *testing.T) {
	families := map[string][]string{}
	for _, f := range append(slices.Clone(collector.Families), collector.SelfFamilies()...) {
		families["cognito_ses_"+f.Name] = f.Labels
		if f.Buckets != nil {
			families["cognito_ses_"+f.Name+"_bucket"] = append(slices.Clone(f.Labels), "le")
		}
	}
	boards, _ := load(t)
	for name, d := range boards {
		variables := []string{"__rate_interval", "1"} // $1 is label_replace's
		for _, v := range d.Templating.List {
			variables = append(variables, v.Name)
		}
		check := func(what, expr string, more ...string) {
			labels := []string{"job", "instance", "Value"}
			for _, m := range metric.FindAllString(expr, -1) {
				labels = append(labels, families[m]...)
			}
			for _, m := range made.FindAllStringSubmatch(expr, -1) {
				labels = append(labels, m[1])
			}
			for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
				more = append(more, strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' })...)
			}
			for _, l := range more {
				if !slices.Contains(labels, l) && !strings.HasPrefix(l, "Value #") && !strings.HasPrefix(l, "tag_") {
					t.Errorf("%s: %s: no metric of the query has the label %s", name, what, l)
				}
			}
			for _, m := range used.FindAllStringSubmatch(expr, -1) {
				if !slices.Contains(variables, m[1]) {
					t.Errorf("%s: %s: there is no variable %s", name, what, m[1])
				}
			}
		}
		for _, v := range d.Templating.List {
			var more []string
			if m := wanted.FindStringSubmatch(v.Definition); m != nil {
				more = m[1:]
			}
			check("variable "+v.Name, v.Definition, more...)
		}
		for _, a := range d.Annotations.List {
			check("annotation", a.Expr)
		}
		for _, p := range d.Panels {
			var all strings.Builder
			for _, q := range p.Targets {
				all.WriteString(q.Expr + "\n")
				var more []string
				for _, m := range legend.FindAllStringSubmatch(q.LegendFormat, -1) {
					more = append(more, m[1])
				}
				check(p.Title, q.Expr, more...)
			}
			for _, tr := range p.Transformations {
				for column := range tr.Options.IndexByName {
					check(p.Title, all.String(), column)
				}
			}
		}
	}
}

// TestLint fails on a rule of dashboard-linter that is off without a reason, or
// for a panel that does not exist.
func TestLint(t *testing.T) {
	data, err := os.ReadFile(".lint")
	if err != nil {
		t.Fatal(err)
	}
	var lint map[string]map[string]struct {
		Reason  string
		Entries []struct{ Dashboard, Panel string }
	}
	if err := yaml.Unmarshal(data, &lint); err != nil {
		t.Fatal(err)
	}
	if len(lint) != 1 || len(lint["exclusions"]) == 0 {
		t.Errorf("want exclusions and nothing else, not %v", lint)
	}
	boards, _ := load(t)
	for rule, off := range lint["exclusions"] {
		if !strings.HasSuffix(off.Reason, ".") {
			t.Errorf("%s is off without a reason in sentences", rule)
		}
		for _, e := range off.Entries {
			found := false
			for _, d := range boards {
				found = found || d.Title == e.Dashboard && slices.ContainsFunc(d.Panels, func(p panel) bool { return p.Title == e.Panel })
			}
			if !found {
				t.Errorf("%s is off for %q of %q, which does not exist", rule, e.Panel, e.Dashboard)
			}
		}
	}
}
