package inventory

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// SendRequest is what Cognito asks of SES for a pool: to send as an identity.
type SendRequest struct {
	IdentityARN string
	PoolARN     string
	AccountID   string // of both
	// Service is the service principal that sends. Empty is the account's
	// service-linked role, which needs no policy, though one can deny it.
	Service string
}

const (
	defaultSenderService = "email.cognito-idp.amazonaws.com"
	serviceLinkedRole    = "role/aws-service-role/" + defaultSenderService + "/AWSServiceRoleForAmazonCognitoIdpEmailService"
)

// sendActions are what the service-linked role may do, and what AWS's own
// example of a policy allows. Which of them Cognito uses is not documented.
var sendActions = [2]string{"ses:SendEmail", "ses:SendRawEmail"}

// newSendRequest returns what a pool asks of an identity in an SES region: the
// service of the pool's own region where the e-mail leaves from an alternate
// one, that of the built-in sender, or the role.
func newSendRequest(pool PoolKey, s *Sender, region, identity string) SendRequest {
	partition := Partition(region)
	r := SendRequest{
		IdentityARN: "arn:" + partition + ":ses:" + region + ":" + pool.AccountID + ":identity/" + identity,
		PoolARN:     "arn:" + Partition(pool.Region) + ":cognito-idp:" + pool.Region + ":" + pool.AccountID + ":userpool/" + pool.ID,
		AccountID:   pool.AccountID,
	}
	if sesRegionTable[pool.Region].alternate && region != pool.Region {
		r.Service = "cognito-idp." + pool.Region + ".amazonaws.com"
	} else if s.Mode == ModeDefault {
		r.Service = defaultSenderService
	}
	return r
}

// SendRequest returns what the pool asks of the identity that it sends as, in an
// SES region. The pool needs settings and an identity.
func (p *Pool) SendRequest(region string) SendRequest {
	return newSendRequest(p.Key(), &p.Settings.Sender, region, p.Identity)
}

// SendingPolicies are the sending authorization policies of an SES identity.
// They do not change once they are made; see [ParseSendingPolicies].
type SendingPolicies struct {
	documents  []string
	statements []statement
	unreadable bool // part of them could not be read, and may say anything
}

// statement is one of a policy. What it leaves unsaid is nil.
type statement struct {
	deny       bool
	anyone     bool     // "*" is among the principals
	services   []string // principals
	aws        []string // likewise, ARNs or account IDs
	others     bool     // there are principals of other kinds
	actions    []string
	resources  []string
	conditions []condition

	notPrincipal, notAction, notResource bool // it applies to all but those
}

// condition is one operator on one key, which holds for any of the values.
type condition struct {
	operator string   // as it is written
	key      string   // in lower case: IAM does not distinguish
	values   []string // of the policy
}

// ParseSendingPolicies reads the policies of an identity, JSON by name. It never
// fails: what it cannot read may allow or deny anything.
func ParseSendingPolicies(policies map[string]string) SendingPolicies {
	var p SendingPolicies
	for _, document := range policies {
		p.documents = append(p.documents, document)
		statements, ok := parsePolicy(document)
		p.statements, p.unreadable = append(p.statements, statements...), p.unreadable || !ok
	}
	slices.Sort(p.documents) // Their order says nothing.
	return p
}

// text tells policies from others in a few words: how many documents there are,
// and the beginning of a hash of them. It is empty without any.
func (p *SendingPolicies) text() string {
	if len(p.documents) == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte(strings.Join(p.documents, "\x00")))
	if len(p.documents) == 1 {
		return fmt.Sprintf("1 policy, hash %x", sum[:4])
	}
	return fmt.Sprintf("%d policies, hash %x", len(p.documents), sum[:4])
}

// Equal reports whether both are the same documents.
func (p *SendingPolicies) Equal(o *SendingPolicies) bool {
	return slices.Equal(p.documents, o.documents)
}

// parsePolicy reads one policy. It returns what it could read, and whether that
// is everything.
func parsePolicy(document string) (statements []statement, ok bool) {
	var policy map[string]json.RawMessage
	if json.Unmarshal([]byte(document), &policy) != nil {
		return nil, false
	}
	list, ok := many(policy["Statement"])
	if !ok {
		return nil, false
	}
	for element := range policy {
		ok = ok && slices.Contains([]string{"Version", "Id", "Statement"}, element)
	}
	for _, raw := range list {
		s, readable := parseStatement(raw)
		if !readable {
			ok = false
			continue
		}
		statements = append(statements, s)
	}
	return statements, ok
}

func parseStatement(raw json.RawMessage) (s statement, ok bool) {
	var elements map[string]json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		return s, false
	}
	var effect string
	var principals, actions, resources bool
	for element, value := range elements {
		ok := true
		switch element {
		case "Sid":
		case "Effect":
			ok = json.Unmarshal(value, &effect) == nil && (effect == "Allow" || effect == "Deny")
		case "Principal", "NotPrincipal":
			ok = !principals && s.parsePrincipal(value)
			principals, s.notPrincipal = true, element == "NotPrincipal"
		case "Action", "NotAction":
			ok = !actions
			actions, s.notAction = true, element == "NotAction"
			s.actions, ok = textsAnd(value, ok)
		case "Resource", "NotResource":
			ok = !resources
			resources, s.notResource = true, element == "NotResource"
			s.resources, ok = textsAnd(value, ok)
		case "Condition":
			ok = s.parseConditions(value)
		default:
			ok = false
		}
		if !ok {
			return s, false
		}
	}
	s.deny = effect == "Deny"
	return s, effect != "" && principals && actions && resources
}

func (s *statement) parsePrincipal(raw json.RawMessage) bool {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		s.anyone = text == "*"
		return s.anyone
	}
	var kinds map[string]json.RawMessage
	if json.Unmarshal(raw, &kinds) != nil {
		return false
	}
	for kind, raw := range kinds {
		names, ok := texts(raw)
		if !ok {
			return false
		}
		switch kind {
		case "AWS":
			s.aws, s.anyone = names, slices.Contains(names, "*")
		case "Service":
			s.services = names
		default:
			s.others = true
		}
	}
	return len(kinds) > 0
}

func (s *statement) parseConditions(raw json.RawMessage) bool {
	var operators map[string]map[string]json.RawMessage
	if json.Unmarshal(raw, &operators) != nil {
		return false
	}
	for operator, keys := range operators {
		for key, raw := range keys {
			values, ok := texts(raw)
			if !ok {
				return false
			}
			s.conditions = append(s.conditions, condition{operator, strings.ToLower(key), values})
		}
	}
	return true
}

// many returns the items of a list, or the one that is not a list.
func many(raw json.RawMessage) ([]json.RawMessage, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, false
	}
	if raw[0] != '[' {
		return []json.RawMessage{raw}, true
	}
	var list []json.RawMessage
	return list, json.Unmarshal(raw, &list) == nil
}

// texts is many for strings. IAM takes numbers and booleans for them.
func texts(raw json.RawMessage) ([]string, bool) {
	list, ok := many(raw)
	all := make([]string, 0, len(list))
	for _, item := range list {
		text := string(item)
		switch text[0] {
		case '{', '[', 'n':
			return nil, false
		case '"':
			if json.Unmarshal(item, &text) != nil {
				return nil, false
			}
		}
		all = append(all, text)
	}
	return all, ok
}

func textsAnd(raw json.RawMessage, and bool) ([]string, bool) {
	all, ok := texts(raw)
	return all, ok && and
}

// Permits reports whether the policies allow the request. Who owns an identity
// may always send as it, so this matters to service principals only.
func (p *SendingPolicies) Permits(r SendRequest) Tri {
	return alike(func(action string) Tri { return p.say(false, r, action).And(p.say(true, r, action).Not()) })
}

// Forbids reports whether the policies deny the request.
func (p *SendingPolicies) Forbids(r SendRequest) Tri {
	return alike(func(action string) Tri { return p.say(true, r, action) })
}

// alike returns what is true of both actions.
func alike(judge func(action string) Tri) Tri {
	first, second := judge(sendActions[0]), judge(sendActions[1])
	if first != second {
		return Unknown
	}
	return first
}

// say reports whether a statement with that effect applies.
func (p *SendingPolicies) say(deny bool, r SendRequest, action string) Tri {
	says := No
	if p.unreadable {
		says = Unknown
	}
	for i := range p.statements {
		if s := &p.statements[i]; s.deny == deny {
			says = says.Or(s.applies(r, action))
		}
	}
	return says
}

func (s *statement) applies(r SendRequest, action string) Tri {
	applies := but(s.notPrincipal, s.names(r)).
		And(but(s.notAction, matchesAny(s.actions, action))).
		And(but(s.notResource, matchesAny(s.resources, r.IdentityARN)))
	for i := range s.conditions {
		applies = applies.And(s.conditions[i].holds(r))
	}
	return applies
}

// but turns an element round that names the exceptions.
func but(not bool, t Tri) Tri {
	if not {
		return t.Not()
	}
	return t
}

// names reports whether the sender is among the principals.
func (s *statement) names(r SendRequest) Tri {
	if s.anyone {
		return Yes
	}
	named := No
	if s.others {
		named = Unknown
	}
	if r.Service != "" {
		for _, service := range s.services {
			if service == r.Service {
				return Yes
			}
			if strings.ContainsAny(service, "*?") {
				named = Unknown
			}
		}
		return named
	}
	account := "arn:" + arnPartition(r.IdentityARN) + ":iam::" + r.AccountID + ":"
	for _, principal := range s.aws {
		if principal == r.AccountID || principal == account+"root" || principal == account+serviceLinkedRole {
			return Yes
		}
	}
	for _, service := range s.services {
		if strings.Contains(service, "cognito-idp") { // Whether SES takes the role for its service is not documented.
			named = Unknown
		}
	}
	return named
}

func arnPartition(arn string) string {
	_, rest, _ := strings.Cut(arn, ":")
	partition, _, _ := strings.Cut(rest, ":")
	return partition
}

// matchesAny reports whether one of the patterns of actions or resources fits,
// without regard to case: SES puts a policy only on the identity that it names.
func matchesAny(patterns []string, text string) Tri {
	matches := No
	for _, pattern := range patterns {
		switch {
		case strings.Contains(pattern, "${"): // A policy variable.
			matches = matches.Or(Unknown)
		default:
			matches = matches.Or(Known(glob(strings.ToLower(pattern), strings.ToLower(text))))
		}
	}
	return matches
}

// holds reports whether the condition does. Only those on the account and the
// pool that ask can be judged.
func (c *condition) holds(r SendRequest) Tri {
	var have string
	switch c.key {
	case "aws:sourceaccount":
		have = r.AccountID
	case "aws:sourcearn":
		have = r.PoolARN
	default:
		return Unknown
	}
	operator, optional := strings.CutSuffix(c.operator, "IfExists")
	present := c.fits(operator, have)
	if r.Service != "" {
		return present
	}
	// Whether a role's requests have these keys is not documented.
	absent := Known(optional || strings.Contains(operator, "Not"))
	if operator == "Null" {
		absent = present.Not()
	} else if present == Unknown {
		return Unknown
	}
	if present != absent {
		return Unknown
	}
	return present
}

// fits reports whether the operator, without IfExists, holds for the value.
func (c *condition) fits(operator, have string) Tri {
	test := func(matches func(pattern string) Tri) Tri {
		fits := No
		for _, pattern := range c.values {
			if strings.Contains(pattern, "${") { // A policy variable.
				fits = fits.Or(Unknown)
				continue
			}
			fits = fits.Or(matches(pattern))
		}
		return fits
	}
	equal := func(pattern string) Tri { return Known(pattern == have) }
	fold := func(pattern string) Tri { return Known(strings.EqualFold(pattern, have)) }
	like := func(pattern string) Tri { return Known(glob(pattern, have)) }
	arn := func(pattern string) Tri { return arnLike(pattern, have) }
	switch operator {
	case "StringEquals":
		return test(equal)
	case "StringNotEquals":
		return test(equal).Not()
	case "StringEqualsIgnoreCase":
		return test(fold)
	case "StringNotEqualsIgnoreCase":
		return test(fold).Not()
	case "StringLike":
		return test(like)
	case "StringNotLike":
		return test(like).Not()
	case "ArnEquals", "ArnLike":
		return test(arn)
	case "ArnNotEquals", "ArnNotLike":
		return test(arn).Not()
	case "Null":
		return test(func(missing string) Tri { return Known(strings.EqualFold(missing, "false")) })
	default:
		return Unknown
	}
}

// arnLike compares each of the six parts of an ARN by itself. What is no ARN is
// not comparable.
func arnLike(pattern, arn string) Tri {
	patterns, parts := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(patterns) != len(parts) {
		return Unknown
	}
	return Known(slices.EqualFunc(patterns, parts, glob))
}

// glob reports whether the pattern, with * for any text and ? for any one byte,
// fits the whole text.
func glob(pattern, text string) bool {
	star, from := -1, 0 // the last asterisk, and what it does not yet cover
	p, t := 0, 0
	for t < len(text) {
		if p < len(pattern) && pattern[p] == '*' {
			star, from = p, t
			p++
			continue
		}
		if p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]) {
			p++
			t++
			continue
		}
		if star < 0 {
			return false
		}
		from++
		p, t = star+1, from
	}
	return strings.Trim(pattern[p:], "*") == ""
}
