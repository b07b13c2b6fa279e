package report

import (
	"encoding/xml"
	"fmt"
	"io"
)

// junit writes a test suite with a case for each rule and each thing that it
// flags, and an error for each thing that could not be read. What a baseline
// knows is skipped, and what is gone since then passes.
func (r *Report) junit(w io.Writer) error {
	type problem struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	// The order of the elements is that of the schema.
	type testcase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Skipped *string  `xml:"skipped,omitempty"`
		Error   *problem `xml:"error,omitempty"`
		Failure *problem `xml:"failure,omitempty"`
	}
	type suite struct {
		Name      string     `xml:"name,attr"`
		Tests     int        `xml:"tests,attr"`
		Failures  int        `xml:"failures,attr"`
		Errors    int        `xml:"errors,attr"`
		Skipped   int        `xml:"skipped,attr"`
		Timestamp string     `xml:"timestamp,attr"`
		Cases     []testcase `xml:"testcase"`
	}
	type suites struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []suite  `xml:"testsuite"`
	}
	s := suite{Name: tool, Timestamp: r.GeneratedAt.Format("2006-01-02T15:04:05"), Errors: len(r.Unreadable)}
	flagged := map[string]bool{}
	for _, f := range r.Findings {
		flagged[f.Rule] = true
		c := testcase{Class: f.Rule, Name: where(&f.Finding)}
		if f.State == Known {
			known := "In the baseline: " + f.Message
			c.Skipped = &known
			s.Skipped++
		} else {
			c.Failure = &problem{Type: string(f.Severity), Message: f.Summary, Text: fmt.Sprintf("%s\n%s\n", f.Message, f.Remedy)}
			s.Failures++
		}
		s.Cases = append(s.Cases, c)
	}
	if r.Baseline != nil {
		for _, f := range r.Baseline.Gone {
			flagged[f.Rule] = true
			s.Cases = append(s.Cases, testcase{Class: f.Rule, Name: where(&f.Finding)})
		}
	}
	for _, rule := range r.rules {
		if !flagged[rule.ID] {
			s.Cases = append(s.Cases, testcase{Class: rule.ID, Name: rule.Summary})
		}
	}
	for _, u := range r.Unreadable {
		name := u.AccountID + "/" + u.Region + "/" + u.API
		s.Cases = append(s.Cases, testcase{Class: "target", Name: name, Error: &problem{Type: u.Class, Message: u.Message}})
	}
	s.Tests = len(s.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suites{Suites: []suite{s}}); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}
