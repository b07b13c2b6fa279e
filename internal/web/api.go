package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// The JSON of /api/v1, which docs/api.schema.json describes. Unknown facts are
// omitted.
type (
	apiPool struct {
		ID             string                          `json:"user_pool_id"`
		Name           string                          `json:"name"`
		AccountID      string                          `json:"account_id"`
		AccountName    string                          `json:"account_name,omitempty"`
		Region         string                          `json:"region"`
		Mode           string                          `json:"mode"`
		Tier           string                          `json:"tier,omitempty"`
		Tags           map[string]string               `json:"tags,omitempty"`
		CustomSender   *bool                           `json:"custom_sender,omitempty"`
		SourceARN      string                          `json:"source_arn,omitempty"`
		From           string                          `json:"from,omitempty"`
		ReplyTo        string                          `json:"reply_to,omitempty"`
		ConfigSet      string                          `json:"configuration_set,omitempty"`
		AutoVerified   []string                        `json:"auto_verified,omitempty"`
		Recovery       []string                        `json:"recovery,omitempty"`
		SignInEmail    *bool                           `json:"sign_in_email,omitempty"`
		Identity       string                          `json:"identity,omitempty"`
		IdentityRegion string                          `json:"identity_region,omitempty"`
		Verified       *bool                           `json:"identity_verified,omitempty"`
		IdentityError  string                          `json:"identity_error,omitempty"`
		Ready          *bool                           `json:"ready,omitempty"`
		Blocked        []inventory.Reason              `json:"blocked"`
		SES            *apiSES                         `json:"ses,omitempty"`
		Quota          *apiQuota                       `json:"quota,omitempty"`
		Sent           map[string]int                  `json:"emails_sent,omitempty"` // by source
		Failures       map[inventory.FailureReason]int `json:"email_failures,omitempty"`
		LastModified   *time.Time                      `json:"last_modified,omitempty"`
		Confirmed      *time.Time                      `json:"confirmed,omitempty"`
		Findings       []*rules.Finding                `json:"findings"`
	}
	apiSES struct {
		Sandbox        *bool    `json:"sandbox,omitempty"`
		SendingEnabled *bool    `json:"sending_enabled,omitempty"`
		Enforcement    string   `json:"enforcement_status"`
		Review         string   `json:"production_review,omitempty"`
		Bounce         *float64 `json:"bounce_ratio,omitempty"`
		Complaint      *float64 `json:"complaint_ratio,omitempty"`
	}
	apiQuota struct {
		Kind       string     `json:"kind"` // default or send
		Limit      float64    `json:"limit"`
		Used       float64    `json:"used"`
		Headroom   float64    `json:"headroom"`
		Ratio      float64    `json:"used_ratio"`
		Reset      *time.Time `json:"reset,omitempty"`
		Exhaustion *time.Time `json:"exhaustion,omitempty"`
	}
	apiTarget struct {
		AccountID   string       `json:"account_id"`
		AccountName string       `json:"account_name,omitempty"`
		Region      string       `json:"region"`
		SESOnly     bool         `json:"ses_only,omitempty"`
		LastPass    time.Time    `json:"last_pass"`
		NextPass    *time.Time   `json:"next_pass,omitempty"`
		Seconds     float64      `json:"duration_seconds"`
		Calls       int          `json:"calls"`
		Pools       int          `json:"pools"`
		APIs        []apiOutcome `json:"apis"`
	}
	apiOutcome struct {
		API         string     `json:"api"`
		Up          bool       `json:"up"`
		Class       string     `json:"class,omitempty"`
		Message     string     `json:"message,omitempty"`
		LastSuccess *time.Time `json:"last_success,omitempty"`
	}
	apiRule struct {
		rules.Rule
		Findings     int    `json:"findings"`
		Exempted     int    `json:"exempted"`
		Undetermined int    `json:"undetermined"`
		Error        string `json:"error,omitempty"`
	}
)

func tri(t inventory.Tri) *bool {
	if t == inventory.Unknown {
		return nil
	}
	yes := t == inventory.Yes
	return &yes
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

func (v *view) poolJSON(r *row) apiPool {
	p := r.Pool
	out := apiPool{
		ID: p.ID, Name: p.Name, AccountID: p.Target.AccountID, AccountName: p.Target.AccountName, Region: p.Target.Region,
		Mode: string(p.Mode()), CustomSender: tri(p.CustomSender()), Identity: p.Identity, IdentityRegion: p.IdentityRegion,
		SignInEmail: tri(p.SignInEmail()), Verified: tri(p.Verified), IdentityError: p.IdentityError, Ready: tri(p.Ready), Blocked: append([]inventory.Reason{}, p.Blocked()...), Failures: p.Failures,
		LastModified: when(p.LastModified), Findings: append([]*rules.Finding{}, r.Findings...),
	}
	if s := p.Settings; s != nil {
		out.Tier, out.Tags, out.AutoVerified, out.Confirmed = s.Tier, s.Tags, s.AutoVerified, when(v.confirmed(r))
		out.Recovery = s.RecoveryMechanisms()
		out.SourceARN, out.From, out.ReplyTo, out.ConfigSet = s.SourceARN, s.From, s.ReplyTo, s.ConfigurationSet
	}
	if s := p.SES; s != nil {
		out.SES = &apiSES{Sandbox: tri(s.Sandbox), SendingEnabled: tri(s.SendingEnabled), Enforcement: s.Enforcement, Review: s.Review}
		if p.Reputation != nil {
			out.SES.Bounce, out.SES.Complaint = p.Reputation.BounceRatio, p.Reputation.ComplaintRatio
		}
	}
	if q := &p.Quota; q.Finite() {
		out.Quota = &apiQuota{Kind: string(q.Kind), Limit: q.Limit, Used: q.Used, Headroom: q.Headroom(), Ratio: q.UsedRatio(), Reset: when(q.Reset), Exhaustion: when(q.Exhaustion)}
	}
	for source, n := range map[string]*float64{"cloudwatch": p.SentCloudWatch, "cloudtrail": p.SentCloudTrail} {
		if n != nil {
			if out.Sent == nil {
				out.Sent = map[string]int{}
			}
			out.Sent[source] = int(*n)
		}
	}
	return out
}

func (v *view) targetsJSON() []apiTarget {
	all := []apiTarget{}
	for r := range v.Readings() {
		t := apiTarget{
			AccountID: r.Target.AccountID, AccountName: r.Target.AccountName, Region: r.Target.Region, SESOnly: r.Target.SESOnly,
			LastPass: r.End.UTC().Truncate(time.Second), NextPass: when(r.Next), Seconds: r.End.Sub(r.Start).Seconds(),
			Calls: r.Calls, Pools: len(r.Pools), APIs: []apiOutcome{},
		}
		for _, o := range r.Outcomes {
			t.APIs = append(t.APIs, apiOutcome{o.API, o.Class == inventory.OK, string(o.Class), o.Message, when(o.LastSuccess)})
		}
		all = append(all, t)
	}
	return all
}

func (v *view) rulesJSON() []apiRule {
	all := []apiRule{}
	for i, r := range v.Rules.Rules() {
		c := v.Total[i]
		all = append(all, apiRule{Rule: r, Findings: c.Findings, Exempted: c.Exempted, Undetermined: c.Undetermined, Error: c.FirstError})
	}
	return all
}

func (s *site) apiPools(w http.ResponseWriter, r *http.Request) {
	v := s.view()
	page, total := v.find(parseFilter(r.URL.Query()))
	pools := make([]apiPool, 0, len(page))
	for _, row := range page {
		pools = append(pools, v.poolJSON(row))
	}
	s.json(w, http.StatusOK, map[string]any{"total": total, "pools": pools})
}

func (s *site) apiPool(w http.ResponseWriter, r *http.Request) {
	v := s.view()
	row := v.pool(r)
	if row == nil {
		s.json(w, http.StatusNotFound, nil)
		return
	}
	s.json(w, http.StatusOK, v.poolJSON(row))
}

func (s *site) apiTargets(w http.ResponseWriter, _ *http.Request) {
	s.json(w, http.StatusOK, map[string]any{"targets": s.view().targetsJSON()})
}

func (s *site) apiFindings(w http.ResponseWriter, r *http.Request) {
	f, all := parseFilter(r.URL.Query()), s.view().allFindings()
	start := min(f.Offset, len(all))
	page := append([]rules.Finding{}, all[start:min(start+f.Limit, len(all))]...)
	s.json(w, http.StatusOK, map[string]any{"total": len(all), "findings": page})
}

func (s *site) apiRules(w http.ResponseWriter, _ *http.Request) {
	s.json(w, http.StatusOK, map[string]any{"rules": s.view().rulesJSON()})
}

func (s *site) apiSummary(w http.ResponseWriter, _ *http.Request) {
	v := s.view()
	severities := map[rules.Severity]int{}
	for _, c := range v.Severities {
		severities[c.Severity] = c.N
	}
	targets := 0
	for range v.Readings() {
		targets++
	}
	s.json(w, http.StatusOK, map[string]any{
		"at": when(v.At), "pools": v.PoolCount(), "ready": v.Ready, "blocked": v.Blocked, "unknown": v.Unknown,
		"findings": severities, "targets": targets, "demo": s.o.Demo, "pools_unknown": v.PoolsUnknown,
	})
}

// json answers in the format of Prometheus's API.
func (s *site) json(w http.ResponseWriter, code int, data any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	body := map[string]any{"status": "success", "data": data}
	if code != http.StatusOK {
		body = map[string]any{"status": "error", "errorType": "not_found", "error": "not found"}
	}
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.o.Logger.Debug("Answering failed", "err", err)
	}
}

// tagList returns the tags sorted by name.
func tagList(tags map[string]string) [][2]string {
	var all [][2]string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, [2]string{key, tags[key]})
	}
	return all
}
