package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// State is how a finding compares with a baseline.
type State string

// The states. A finding that is more severe than in the baseline is Worse.
const (
	New   State = "new"
	Worse State = "worse"
	Known State = "known"
)

// maxBaseline bounds what is read of a baseline, in bytes: some 300,000 findings.
const maxBaseline = 256 << 20

// Baseline is an earlier report.
type Baseline struct {
	at       time.Time
	findings map[string]rules.Finding // by fingerprint
}

// Comparison is how a report differs from its baseline.
type Comparison struct {
	GeneratedAt time.Time `json:"generated_at"` // of the baseline
	New         int       `json:"new"`
	Worse       int       `json:"worse"`
	Known       int       `json:"known"`
	// Gone are the findings of the baseline that were judged again and do not
	// hold, or no longer count: they were fixed, exempted, or what they were about
	// is gone.
	Gone []Finding `json:"gone"`
	// NotJudged is how many findings of the baseline can be neither confirmed nor
	// called gone: their rule or target is not part of this report, could not be
	// read, or has facts that are unknown.
	NotJudged int `json:"not_judged"`
}

// ReadBaseline reads the JSON of an earlier report.
func ReadBaseline(src io.Reader) (*Baseline, error) {
	var b struct {
		Version     int              `json:"version"`
		GeneratedAt time.Time        `json:"generated_at"`
		Findings    *[]rules.Finding `json:"findings"`
	}
	d := json.NewDecoder(io.LimitReader(src, maxBaseline))
	if err := d.Decode(&b); err != nil {
		return nil, fmt.Errorf("it is not the JSON of check: %w", err)
	}
	switch {
	case b.Findings == nil:
		return nil, errors.New("it is not the JSON of check: it has no findings")
	case b.Version != version:
		return nil, fmt.Errorf("it has version %d; this program reads version %d", b.Version, version)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it is not the JSON of check: something follows it")
	}
	known := &Baseline{at: b.GeneratedAt, findings: make(map[string]rules.Finding, len(*b.Findings))}
	for i, f := range *b.Findings {
		if f.Rule == "" || !slices.Contains(rules.Severities(), f.Severity) {
			return nil, fmt.Errorf("finding %d has no rule, or a severity that does not exist", i+1)
		}
		known.findings[fingerprint(&f)] = f
	}
	return known, nil
}

// compare gives every finding its state, and finds what is gone.
func (r *Report) compare(b *Baseline, j *rules.Judgement) {
	c := &Comparison{GeneratedAt: b.at, Gone: []Finding{}}
	r.Baseline = c
	found := map[string]bool{}
	for i := range r.Findings {
		f := &r.Findings[i]
		found[f.Fingerprint] = true
		before, ok := b.findings[f.Fingerprint]
		switch {
		case !ok:
			f.State = New
			c.New++
		case !before.Severity.AtLeast(f.Severity):
			f.State = Worse
			c.Worse++
		default:
			f.State = Known
			c.Known++
		}
	}
	judged := r.judged(j)
	for id, f := range b.findings {
		switch {
		case found[id]:
		case judged(&f):
			c.Gone = append(c.Gone, Finding{Finding: f, Fingerprint: id})
		default:
			c.NotJudged++
		}
	}
	slices.SortFunc(c.Gone, func(a, b Finding) int {
		return cmp.Or(rules.CompareFindings(&a.Finding, &b.Finding), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
}

// judged returns the function that reports whether a rule could say of a target
// that nothing is wrong.
func (r *Report) judged(j *rules.Judgement) func(*rules.Finding) bool {
	type judging struct{ rule, account string }
	open := map[judging]bool{}
	read := map[string]bool{} // by account and region
	for i, a := range j.Accounts {
		for _, reading := range a.Readings {
			read[a.ID+"/"+reading.Target.Region] = true
		}
		for n, rule := range j.Rules.Rules() {
			if c := j.Each[i].Rules[n]; c.Undetermined > 0 || c.Errors > 0 {
				open[judging{rule.ID, a.ID}] = true
			}
		}
	}
	for _, u := range r.Unreadable {
		delete(read, u.AccountID+"/"+u.Region)
	}
	return func(f *rules.Finding) bool {
		// Of other regions, there is only what the pools of these need.
		cut := len(r.o.Regions) > 0 && !slices.Contains(r.o.Regions, f.Region)
		return !cut && r.judgedBy(f.Rule) && read[f.AccountID+"/"+f.Region] && !open[judging{f.Rule, f.AccountID}]
	}
}

// compared says how the findings compare with the baseline; empty without one.
func (r *Report) compared() string {
	c := r.Baseline
	if c == nil {
		return ""
	}
	s := fmt.Sprintf("Compared with the baseline of %s: %d new, %d worse, %d known, %d gone", c.GeneratedAt.UTC().Format("2006-01-02 15:04 UTC"), c.New, c.Worse, c.Known, len(c.Gone))
	if c.NotJudged > 0 {
		s += fmt.Sprintf("; %d of the baseline not judged again", c.NotJudged)
	}
	return s
}
