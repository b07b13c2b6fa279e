package awssim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// PastCall is a call of a person or program that changed something in the
// region before the start. CloudTrail tells of it, as of what a fleet changes that
// replaces this one.
type PastCall struct {
	Ago     time.Duration  `yaml:"ago"`               // before the start
	Call    string         `yaml:"call"`              // the operation, such as UpdateUserPool
	Pool    string         `yaml:"pool,omitempty"`    // name or ID of the pool that it is about: with what it has now, where request does not say otherwise
	Request map[string]any `yaml:"request,omitempty"` // requestParameters, as CloudTrail spells them
	By      string         `yaml:"by,omitempty"`      // as Fleet.ChangedBy
	From    string         `yaml:"from,omitempty"`    // IP address
	Agent   string         `yaml:"agent,omitempty"`
	Error   string         `yaml:"error,omitempty"` // code, for a call that was refused
}

const (
	administrator = "user/administrator"
	adminAddress  = "198.51.100.7"
	adminAgent    = "aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux"
	sesSource     = "ses.amazonaws.com"
)

// act is a call that changed something. CloudTrail calls it a management event
// with a resource that it does not name.
type act struct {
	account  string
	request  object
	response object
	by       string // what follows the account in the ARN
	from     string
	agent    string
	refusal  string
}

// source is the service that the operation is of.
func source(operation string) string {
	if strings.Contains(operation, "UserPool") {
		return eventSource
	}
	return sesSource
}

// newAct returns the event of a call.
func newAct(account, region, operation string, at time.Time, a act) event {
	a.account = account
	a.by, a.from, a.agent = cmp.Or(a.by, administrator), cmp.Or(a.from, adminAddress), cmp.Or(a.agent, adminAgent)
	d := digest(account, region, operation, at.Format(time.RFC3339Nano), string(mustJSON(a.request)))
	number := func(b []byte) (n uint64) {
		for _, x := range b[:8] {
			n = n<<8 | uint64(x)
		}
		return n
	}
	return event{at: at.Truncate(time.Millisecond), region: region, name: operation, id: uuid(number(d), number(d[8:])), sub: uuid(number(d[16:]), number(d[24:])), act: &a}
}

// record is what CloudTrail keeps of the act, in the record of the event.
func (a *act) record(o object, partition string) object {
	arn := "arn:" + partition + ":iam::" + a.account + ":" + a.by
	who := object{"accountId": a.account, "arn": arn}
	kind, name, _ := strings.Cut(a.by, "/")
	switch kind {
	case "assumed-role":
		role, _, _ := strings.Cut(name, "/")
		who["type"], who["principalId"] = "AssumedRole", roleID+name[len(role):]
		who["arn"] = "arn:" + partition + ":sts::" + a.account + ":" + a.by
		who["accessKeyId"] = "ASIAEXAMPLE"
		who["sessionContext"] = object{"sessionIssuer": object{
			"type": "Role", "principalId": roleID, "arn": "arn:" + partition + ":iam::" + a.account + ":role/" + role, "accountId": a.account, "userName": role,
		}, "attributes": object{"mfaAuthenticated": "false"}}
	case "root":
		who["type"], who["principalId"] = "Root", a.account
	default:
		who["type"], who["principalId"], who["userName"], who["accessKeyId"] = "IAMUser", "AIDAEXAMPLE", name, "AKIAEXAMPLE"
	}
	o["userIdentity"], o["sourceIPAddress"], o["userAgent"] = who, a.from, a.agent
	o["requestParameters"], o["responseElements"] = a.request, nil
	if a.response != nil {
		o["responseElements"] = a.response
	}
	if a.refusal != "" {
		o["errorCode"], o["errorMessage"], o["responseElements"] = a.refusal, "The call was refused.", nil
	}
	return o
}

// username is the IAM user or the session, as LookupEvents shows it.
func (a *act) username() string { return a.by[strings.LastIndexByte(a.by, '/')+1:] }

// emailConfiguration is the pool's, as requestParameters spell it.
func (p *Pool) emailConfiguration() object {
	o := object{}
	if p.Mode != modeAbsent {
		o["emailSendingAccount"] = p.Mode
	}
	for key, value := range map[string]string{"sourceArn": p.SourceARN, "from": p.From, "replyToEmailAddress": p.ReplyTo, "configurationSet": p.ConfigurationSet} {
		set(o, key, value)
	}
	return o
}

// request is requestParameters of the call that makes the pool as it is.
func (p *Pool) request() object {
	lambda := object{}
	if p.CustomSender != "" {
		lambda["customEmailSender"] = object{"lambdaVersion": "V1_0", "lambdaArn": p.CustomSender}
	}
	return object{
		"userPoolId": p.ID, "emailConfiguration": p.emailConfiguration(), "lambdaConfig": lambda,
		"autoVerifiedAttributes": p.AutoVerified, "mfaConfiguration": p.MFA, "userPoolTier": p.Tier,
	}
}

// created are the parameters and the answer of CreateUserPool.
func (p *Pool) created() act {
	request := p.request()
	delete(request, "userPoolId")
	request["poolName"] = p.Name
	return act{request: request, response: object{"userPool": object{"id": p.ID, "name": p.Name}}}
}

// checkHistory refuses calls that there cannot have been.
func (r *Region) checkHistory() error {
	for i := range r.History {
		h := &r.History[i]
		switch {
		case h.Call == "":
			return errors.New("a call of the history has no name")
		case h.Ago <= 0 || h.Ago > trailRetention:
			return fmt.Errorf("%s of the history is %v ago, allowed is up to %v", h.Call, h.Ago, trailRetention)
		case h.Pool != "" && r.poolNamed(h.Pool) == nil:
			return fmt.Errorf("%s of the history: there is no user pool %q", h.Call, h.Pool)
		}
	}
	return nil
}

// poolNamed returns the pool of the name or ID, nil without one.
func (r *Region) poolNamed(name string) *Pool {
	return find(r.Pools, func(p *Pool) bool { return name != "" && (p.Name == name || p.ID == name) })
}

// past returns the events of the region's history.
func (r *Region) past(account, region string, started time.Time) []event {
	events := make([]event, 0, len(r.History))
	for i := range r.History {
		h := &r.History[i]
		a := act{request: object{}, by: h.By, from: h.From, agent: h.Agent, refusal: h.Error}
		if p := r.poolNamed(h.Pool); p != nil {
			a.request = p.request()
			if h.Call == "CreateUserPool" {
				a.request, a.response = p.created().request, p.created().response
			}
		}
		maps.Copy(a.request, h.Request)
		events = append(events, newAct(account, region, h.Call, started.Add(-h.Ago), a))
	}
	return events
}

// ageByHistory dates the pools as the last call that changed them does.
func (r *Region) ageByHistory(now time.Time) {
	for i := range r.History {
		h := &r.History[i]
		if p := r.poolNamed(h.Pool); p != nil && h.Error == "" {
			if at := now.Add(-h.Ago); at.After(p.Modified) {
				p.Modified = at
			}
		}
	}
}

// past returns the events of the history of the fleet that a server starts with.
func (f *Fleet) past(started time.Time) (events []event) {
	for i := range f.Accounts {
		a := &f.Accounts[i]
		for name, r := range a.Regions {
			events = append(events, r.past(a.ID, name, started)...)
		}
	}
	return events
}

// changed returns the events of the calls that make the account's region of
// before the one of now.
func (r *Region) changed(before *Region, account, region, by string, now time.Time) (events []event) {
	add := func(operation string, request object) {
		events = append(events, newAct(account, region, operation, now, act{request: request, by: by}))
	}
	for i := range r.Pools {
		p := &r.Pools[i]
		switch was := before.pool(p.ID); {
		case was == nil:
			made := p.created()
			made.by = by
			events = append(events, newAct(account, region, "CreateUserPool", now, made))
		case !reflect.DeepEqual(was, p):
			add("UpdateUserPool", p.request())
		}
	}
	for i := range before.Pools {
		if p := &before.Pools[i]; r.pool(p.ID) == nil {
			add("DeleteUserPool", object{"userPoolId": p.ID})
		}
	}
	if r.SES.SendingEnabled != before.SES.SendingEnabled {
		add("PutAccountSendingAttributes", object{"sendingEnabled": r.SES.SendingEnabled})
	}
	if r.SES.ProductionAccess && !before.SES.ProductionAccess {
		add("PutAccountDetails", object{"productionAccessEnabled": true, "mailType": "TRANSACTIONAL", "websiteURL": "https://example.com"})
	}
	for i := range r.Identities {
		id := &r.Identities[i]
		was := before.identity(id.Name)
		if was == nil {
			add("CreateEmailIdentity", object{"emailIdentity": id.Name})
			continue
		}
		if was.ConfigurationSet != id.ConfigurationSet {
			request := object{"emailIdentity": id.Name}
			set(request, "configurationSetName", id.ConfigurationSet)
			add("PutEmailIdentityConfigurationSetAttributes", request)
		}
		if was.MailFrom.Domain != id.MailFrom.Domain || was.MailFrom.OnFailure != id.MailFrom.OnFailure {
			add("PutEmailIdentityMailFromAttributes", object{"emailIdentity": id.Name, "mailFromDomain": id.MailFrom.Domain, "behaviorOnMxFailure": id.MailFrom.OnFailure})
		}
		for _, name := range slices.Sorted(maps.Keys(id.Policies)) {
			request := object{"emailIdentity": id.Name, "policyName": name, "policy": id.Policies[name]}
			switch policy, ok := was.Policies[name]; {
			case !ok:
				add("CreateEmailIdentityPolicy", request)
			case policy != id.Policies[name]:
				add("UpdateEmailIdentityPolicy", request)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(was.Policies)) {
			if _, stays := id.Policies[name]; !stays {
				add("DeleteEmailIdentityPolicy", object{"emailIdentity": id.Name, "policyName": name})
			}
		}
	}
	for i := range before.Identities {
		if id := &before.Identities[i]; r.identity(id.Name) == nil {
			add("DeleteEmailIdentity", object{"emailIdentity": id.Name})
		}
	}
	sets := func(r *Region, name string) *ConfigurationSet {
		return find(r.ConfigurationSets, func(s *ConfigurationSet) bool { return s.Name == name })
	}
	for i := range r.ConfigurationSets {
		s := &r.ConfigurationSets[i]
		switch was := sets(before, s.Name); {
		case was == nil:
			add("CreateConfigurationSet", object{"configurationSetName": s.Name})
		case was.SendingEnabled != s.SendingEnabled:
			add("PutConfigurationSetSendingOptions", object{"configurationSetName": s.Name, "sendingEnabled": s.SendingEnabled})
		}
	}
	for i := range before.ConfigurationSets {
		if s := &before.ConfigurationSets[i]; sets(r, s.Name) == nil {
			add("DeleteConfigurationSet", object{"configurationSetName": s.Name})
		}
	}
	return events
}

// changed returns the events of the calls that make the fleet of before the one
// of now. A new account has none.
func (f *Fleet) changed(before *Fleet, now time.Time) (events []event) {
	for i := range f.Accounts {
		a := &f.Accounts[i]
		was := before.account(a.ID)
		if was == nil {
			continue
		}
		regions := maps.Clone(a.Regions)
		for name := range was.Regions {
			if regions == nil {
				regions = map[string]*Region{}
			}
			regions[name] = a.region(name)
		}
		for _, name := range slices.Sorted(maps.Keys(regions)) {
			events = append(events, regions[name].changed(was.region(name), a.ID, name, f.ChangedBy, now)...)
		}
	}
	return events
}

// did takes note of calls, without those that CloudTrail has forgotten. The
// caller holds the lock.
func (s *Server) did(events []event, now time.Time) {
	s.acts = append(slices.DeleteFunc(s.acts, func(e event) bool { return e.at.Before(now.Add(-trailRetention)) }), events...)
}

// actsDone returns the account's calls that changed something in the region, in
// the order of time.
func (c *call) actsDone() []event {
	c.server.mu.Lock()
	events := slices.DeleteFunc(slices.Clone(c.server.acts), func(e event) bool { return e.act.account != c.account || e.region != c.region })
	c.server.mu.Unlock()
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	return events
}
