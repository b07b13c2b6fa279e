package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/plan"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// The JSON of /api/v1, which docs/api.schema.json describes. Unknown facts are
// omitted.
type (
	apiPool struct {
		ID              string                          `json:"user_pool_id"`
		Name            string                          `json:"name"`
		AccountID       string                          `json:"account_id"`
		AccountName     string                          `json:"account_name,omitempty"`
		Region          string                          `json:"region"`
		Mode            string                          `json:"mode"`
		ReplicaRole     string                          `json:"replica_role,omitempty"`
		ReplicaStatus   string                          `json:"replica_status,omitempty"`
		BehindPrimary   *bool                           `json:"behind_primary,omitempty"` // of a replicated pool
		ModeSource      inventory.ModeSource            `json:"mode_source,omitempty"`
		UnknownMode     string                          `json:"unknown_mode,omitempty"` // as AWS states it
		Tier            string                          `json:"tier,omitempty"`
		Tags            map[string]string               `json:"tags,omitempty"`
		CustomSender    *bool                           `json:"custom_sender,omitempty"`
		SourceARN       string                          `json:"source_arn,omitempty"`
		From            string                          `json:"from,omitempty"`
		ReplyTo         string                          `json:"reply_to,omitempty"`
		ConfigSet       string                          `json:"configuration_set,omitempty"`
		AutoVerified    []string                        `json:"auto_verified,omitempty"`
		Recovery        []string                        `json:"recovery,omitempty"`
		SignInEmail     *bool                           `json:"sign_in_email,omitempty"`
		NotificationLog *bool                           `json:"notification_log,omitempty"`
		Identity        string                          `json:"identity,omitempty"`
		IdentityRegion  string                          `json:"identity_region,omitempty"`
		Verified        *bool                           `json:"identity_verified,omitempty"`
		IdentityError   string                          `json:"identity_error,omitempty"`
		ActiveSet       string                          `json:"active_configuration_set,omitempty"` // its own or the identity's default one
		DKIM            string                          `json:"dkim_status,omitempty"`
		MailFrom        *apiMailFrom                    `json:"mail_from,omitempty"`
		Ready           *bool                           `json:"ready,omitempty"`
		Blocked         []inventory.Reason              `json:"blocked"`
		Undecided       []inventory.Reason              `json:"undecided,omitempty"`
		SES             *apiSES                         `json:"ses,omitempty"`
		Quota           *apiQuota                       `json:"quota,omitempty"`
		Sent            map[string]int                  `json:"emails_sent,omitempty"` // by source
		Failures        map[inventory.FailureReason]int `json:"email_failures,omitempty"`
		LastModified    *time.Time                      `json:"last_modified,omitempty"`
		Confirmed       *time.Time                      `json:"confirmed,omitempty"`
		Findings        []*rules.Finding                `json:"findings"`
	}
	apiMailFrom struct {
		Domain    string `json:"domain"`
		Status    string `json:"status"`
		OnFailure string `json:"on_failure,omitempty"`
	}
	apiSES struct {
		Sandbox        *bool          `json:"sandbox,omitempty"`
		SendingEnabled *bool          `json:"sending_enabled,omitempty"`
		Enforcement    string         `json:"enforcement_status"`
		Review         string         `json:"production_review,omitempty"`
		ReviewCase     string         `json:"review_case,omitempty"`
		Bounce         *float64       `json:"bounce_ratio,omitempty"`
		Complaint      *float64       `json:"complaint_ratio,omitempty"`
		LastDay        *apiStatistics `json:"last_24_hours,omitempty"`
	}
	apiStatistics struct {
		Attempts   int `json:"delivery_attempts"`
		Bounces    int `json:"bounces"`
		Complaints int `json:"complaints"`
		Rejects    int `json:"rejects"`
	}
	apiQuota struct {
		Kind       string     `json:"kind"` // default or send
		Limit      float64    `json:"limit"`
		Used       float64    `json:"used"` // at least
		UsedUpper  *float64   `json:"used_upper,omitempty"`
		UpperAsOf  *time.Time `json:"used_upper_as_of,omitempty"`
		Bounded    *bool      `json:"bounded,omitempty"` // whether there is a used_upper
		Headroom   float64    `json:"headroom"`
		Ratio      float64    `json:"used_ratio"`
		Reset      *time.Time `json:"reset,omitempty"`
		Exhaustion *time.Time `json:"exhaustion,omitempty"`
	}
	apiAccount struct {
		AccountID    string           `json:"account_id"`
		AccountName  string           `json:"account_name,omitempty"`
		Region       string           `json:"region"`
		SESOnly      bool             `json:"ses_only,omitempty"`
		Pools        *count           `json:"pools,omitempty"`
		SES          *apiSES          `json:"ses,omitempty"`
		SendQuota    *apiQuota        `json:"send_quota,omitempty"`
		DefaultQuota *apiQuota        `json:"default_quota,omitempty"`
		Identities   []apiIdentity    `json:"identities"`
		SendThrough  []apiPoolRef     `json:"send_through"`
		IfStopped    apiLapse         `json:"if_sending_stops"`
		Sets         []apiSet         `json:"configuration_sets"`
		Findings     []*rules.Finding `json:"findings"`
	}
	apiIdentity struct {
		Name           string       `json:"identity"`
		Verified       *bool        `json:"verified,omitempty"`
		SendingEnabled *bool        `json:"sending_enabled,omitempty"`
		Status         string       `json:"status,omitempty"`
		Error          string       `json:"error,omitempty"`
		ConfigSet      string       `json:"configuration_set,omitempty"`
		DKIM           string       `json:"dkim_status,omitempty"`
		MailFrom       *apiMailFrom `json:"mail_from,omitempty"`
		Pools          *int         `json:"pools,omitempty"` // that send as it
	}
	apiIdentityPools struct {
		apiIdentity
		AccountID   string           `json:"account_id"`
		AccountName string           `json:"account_name,omitempty"`
		Region      string           `json:"region"`
		Exists      *bool            `json:"exists,omitempty"`
		Silent      int              `json:"silent"`
		Owners      []plan.Owner     `json:"owners"`
		Dependents  []apiDependent   `json:"dependents"`
		Findings    []*rules.Finding `json:"findings"`
	}
	apiLapse struct {
		Silent  int          `json:"silent"` // pools that can send now, and could not then
		Unknown int          `json:"unknown"`
		Blocked int          `json:"blocked"`
		Owners  []plan.Owner `json:"owners"` // of those that would go silent
	}
	apiSet struct {
		Name           string   `json:"configuration_set"`
		Exists         *bool    `json:"exists,omitempty"`
		SendingEnabled *bool    `json:"sending_enabled,omitempty"`
		IfStopped      apiLapse `json:"if_it_stops"`
	}
	apiPoolRef struct {
		ID     string `json:"user_pool_id"`
		Name   string `json:"name"`
		Region string `json:"region"`
		State  string `json:"state"` // ready, blocked or unknown
	}
	apiDependent struct {
		apiPoolRef
		Tags    map[string]string `json:"tags,omitempty"`
		Instead string            `json:"instead,omitempty"` // another verified identity
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
		Up          *bool      `json:"up,omitempty"` // absent where AWS does not offer the API in the region, or another one took the time
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
		SignInEmail: tri(p.SignInEmail()), NotificationLog: tri(p.NotificationLog()), Verified: tri(p.Verified), IdentityError: p.IdentityError, Ready: tri(p.Ready), Blocked: append([]inventory.Reason{}, p.Blocked()...), Failures: p.Failures,
		LastModified: when(p.LastModified), Findings: append([]*rules.Finding{}, r.Findings...),
	}
	if p.Replica.Replicated {
		out.ReplicaRole, out.ReplicaStatus, out.BehindPrimary = p.Replica.Role, p.Replica.Status, tri(p.BehindPrimary())
	}
	if s := p.Settings; s != nil {
		out.Tier, out.Tags, out.AutoVerified, out.Confirmed = s.Tier, s.Tags, s.AutoVerified, when(v.confirmed(r))
		out.Recovery = s.RecoveryMechanisms()
		out.ModeSource, out.UnknownMode = s.ModeSource(), s.UnknownMode
		out.SourceARN, out.From, out.ReplyTo, out.ConfigSet = s.SourceARN, s.From, s.ReplyTo, s.ConfigurationSet
	}
	out.ActiveSet = p.ConfigurationSet
	if d := p.IdentityDetails; d != nil {
		out.DKIM, out.MailFrom = d.DKIM.Status, mailFromJSON(&d.MailFrom)
	}
	out.Undecided = r.Unsure()
	if p.SES != nil {
		out.SES = sesJSON(p.SES, p.Reputation, p.Statistics)
	}
	out.Quota = quotaJSON(p.Quota)
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

func sesJSON(s *inventory.SESState, r *inventory.Reputation, n *inventory.SendStatistics) *apiSES {
	out := &apiSES{Sandbox: tri(s.Sandbox), SendingEnabled: tri(s.SendingEnabled), Enforcement: s.Enforcement, Review: s.Review, ReviewCase: s.ReviewCase}
	if r != nil {
		out.Bounce, out.Complaint = r.BounceRatio, r.ComplaintRatio
	}
	if n != nil {
		out.LastDay = &apiStatistics{n.Attempts, n.Bounces, n.Complaints, n.Rejects}
	}
	return out
}

// quotaJSON returns nil when the quota is unknown or has no limit.
func quotaJSON(q *inventory.Quota) *apiQuota {
	if !q.Finite() {
		return nil
	}
	out := &apiQuota{
		Kind: string(q.Kind), Limit: q.Limit, Used: q.Used, Bounded: tri(q.Bounded), Headroom: q.Headroom(), Ratio: q.UsedRatio(),
		Reset: when(q.Reset), Exhaustion: when(q.Exhaustion),
	}
	if q.Bounded == inventory.Yes {
		out.UsedUpper, out.UpperAsOf = &q.AtMost, when(q.AsOf)
	}
	return out
}

func lapseJSON(l *plan.Lapse, tags []string) apiLapse {
	return apiLapse{len(l.Silent), len(l.Unsure), len(l.Blocked), append([]plan.Owner{}, l.Owners(tags)...)}
}

func (a *sesAccount) json(tags []string) apiAccount {
	out := apiAccount{
		AccountID: a.Target.AccountID, AccountName: a.Target.AccountName, Region: a.Target.Region, SESOnly: a.Target.SESOnly,
		Pools: a.Here, Identities: []apiIdentity{}, SendThrough: []apiPoolRef{}, IfStopped: lapseJSON(a.Lapse, tags), Sets: []apiSet{}, Findings: append([]*rules.Finding{}, a.Findings...),
	}
	if a.SES != nil {
		out.SES, out.SendQuota = sesJSON(&a.SES.SESState, a.Reputation, a.Statistics), quotaJSON(&a.SES.Quota)
	}
	if a.Default != nil {
		out.DefaultQuota = quotaJSON(a.Default)
	}
	for i := range a.Identities {
		id := identityJSON(&a.Identities[i].Identity)
		id.Pools = &a.Identities[i].Pools
		out.Identities = append(out.Identities, id)
	}
	for _, s := range a.Sets {
		out.Sets = append(out.Sets, apiSet{s.Name, tri(s.Exists), tri(s.SendingEnabled), lapseJSON(s.Lapse, tags)})
	}
	for _, r := range a.All {
		out.SendThrough = append(out.SendThrough, poolRef(r))
	}
	return out
}

func identityJSON(i *inventory.Identity) apiIdentity {
	out := apiIdentity{Name: i.Name, Verified: tri(i.Verified), SendingEnabled: tri(i.SendingEnabled), Status: i.Status, Error: i.ErrorType}
	if d := i.Details; d != nil {
		out.ConfigSet, out.DKIM, out.MailFrom = d.ConfigurationSet, d.DKIM.Status, mailFromJSON(&d.MailFrom)
	}
	return out
}

// mailFromJSON returns nil without a domain.
func mailFromJSON(m *inventory.MailFrom) *apiMailFrom {
	if m.Domain == "" {
		return nil
	}
	return &apiMailFrom{m.Domain, m.Status, m.OnFailure()}
}

func (i *sesIdentity) json(tags []string) apiIdentityPools {
	out := apiIdentityPools{
		apiIdentity: apiIdentity{Name: i.Name}, AccountID: i.Target.AccountID, AccountName: i.Target.AccountName, Region: i.Target.Region,
		Dependents: []apiDependent{}, Silent: len(i.Lapse.Silent), Owners: append([]plan.Owner{}, i.Lapse.Owners(tags)...), Findings: append([]*rules.Finding{}, i.Findings...),
	}
	switch {
	case i.Identity != nil:
		out.apiIdentity, out.Exists = identityJSON(i.Identity), tri(inventory.Yes)
	case i.Missing:
		out.Exists = tri(inventory.No)
	}
	for _, d := range i.Pools {
		out.Dependents = append(out.Dependents, apiDependent{poolRef(d.row), d.Settings.Tags, d.Instead})
	}
	return out
}

func poolRef(r *row) apiPoolRef {
	return apiPoolRef{r.ID, r.Name, r.Target.Region, r.State()}
}

func targetsJSON(targets []target) []apiTarget {
	all := []apiTarget{}
	for _, r := range targets {
		t := apiTarget{
			AccountID: r.Target.AccountID, AccountName: r.Target.AccountName, Region: r.Target.Region, SESOnly: r.Target.SESOnly,
			LastPass: r.End.UTC().Truncate(time.Second), NextPass: when(r.Next), Seconds: r.End.Sub(r.Start).Seconds(),
			Calls: r.Calls, Pools: len(r.Pools), APIs: []apiOutcome{},
		}
		for _, o := range r.Outcomes {
			up := inventory.Known(o.Class == inventory.OK)
			if o.Class == inventory.NotOffered || o.Class == inventory.NotAsked {
				up = inventory.Unknown
			}
			t.APIs = append(t.APIs, apiOutcome{o.API, tri(up), string(o.Class), o.Message, when(o.LastSuccess)})
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
	encoded, warnings := encodeEach(pools, func(p *apiPool) string {
		return "user pool " + p.ID + " in account " + p.AccountID + ", region " + p.Region
	})
	s.json(w, http.StatusOK, map[string]any{"total": total, "pools": encoded}, warnings...)
}

func (s *site) apiPool(w http.ResponseWriter, r *http.Request) {
	v := s.view()
	row := v.pool(r)
	if row == nil {
		s.json(w, http.StatusNotFound, noPool)
		return
	}
	s.json(w, http.StatusOK, v.poolJSON(row))
}

func (s *site) apiAccount(w http.ResponseWriter, r *http.Request) {
	found := s.view().sesAccount(inventory.Key{AccountID: r.PathValue("account"), Region: r.PathValue("region")})
	if found == nil {
		s.json(w, http.StatusNotFound, noAccount)
		return
	}
	s.json(w, http.StatusOK, found.json(s.o.Tags()))
}

func (s *site) apiIdentity(w http.ResponseWriter, r *http.Request) {
	found := s.view().sesIdentity(inventory.Key{AccountID: r.PathValue("account"), Region: r.PathValue("region")}, r.PathValue("name"))
	if found == nil {
		s.json(w, http.StatusNotFound, noIdentity)
		return
	}
	s.json(w, http.StatusOK, found.json(s.o.Tags()))
}

func (s *site) apiTargets(w http.ResponseWriter, r *http.Request) {
	page, total := s.view().targets(parseFilter(r.URL.Query()))
	encoded, warnings := encodeEach(targetsJSON(page), func(t *apiTarget) string {
		return "account " + t.AccountID + ", region " + t.Region
	})
	s.json(w, http.StatusOK, map[string]any{"total": total, "targets": encoded}, warnings...)
}

func (s *site) apiFindings(w http.ResponseWriter, r *http.Request) {
	all := s.view().allFindings()
	page := append([]rules.Finding{}, cut(parseFilter(r.URL.Query()), all)...)
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

// encodeEach encodes the items one by one, so that one that JSON cannot express,
// such as a number that is infinite, does not take the others with it. It
// returns those that could be encoded, and a warning about each of the others.
func encodeEach[T any](items []T, name func(*T) string) (encoded []json.RawMessage, warnings []string) {
	encoded = make([]json.RawMessage, 0, len(items))
	for i := range items {
		data, err := json.Marshal(&items[i])
		if err != nil {
			warnings = append(warnings, name(&items[i])+" is omitted: "+err.Error())
			continue
		}
		encoded = append(encoded, data)
	}
	return encoded, warnings
}

// json answers in the format of Prometheus's API. The answer is encoded before
// its status is sent, so that one that cannot be encoded is an error, and no
// half answer. With an error, data is its message.
func (s *site) json(w http.ResponseWriter, code int, data any, warnings ...string) {
	body := map[string]any{"status": "success", "data": data}
	if code != http.StatusOK {
		kind := "not_found"
		if code == http.StatusBadRequest {
			kind = "bad_data"
		}
		body = map[string]any{"status": "error", "errorType": kind, "error": data}
	}
	if len(warnings) > 0 {
		s.o.Logger.Error("A part of an answer could not be encoded and is omitted; please report it", "parts", len(warnings), "err", warnings[0])
		body["warnings"] = warnings
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		s.o.Logger.Error("An answer could not be encoded; please report it", "err", err)
		code, encoded = http.StatusInternalServerError, []byte(`{"status":"error","errorType":"internal","error":"the answer could not be encoded; see the log"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(printable.Lines(append(encoded, '\n'))) // It fails only if the client has disconnected.
}

// tagList returns the tags sorted by name.
func tagList(tags map[string]string) [][2]string {
	var all [][2]string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, [2]string{key, tags[key]})
	}
	return all
}
