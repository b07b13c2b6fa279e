package propose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
)

// update returns the input of UpdateUserPool that gives the pool the e-mail
// configuration and keeps all other settings, and what there is to say about it.
func (p *Pool) update(e inventory.EmailConfiguration) (input object, checks []Check) {
	input = copied(p.fields).(object)
	for _, name := range describedOnly {
		delete(input, name)
	}
	for from, to := range renamed {
		if v, ok := input[from]; ok {
			input[to] = v
			delete(input, from)
		}
	}
	input["EmailConfiguration"] = emailConfiguration(in(input, "EmailConfiguration"), e)
	sendFalse(input)
	for _, rule := range []func(*Pool, object) []Check{unknownFields, validity, verification, messages, triggers, plan, tags, mfa} {
		checks = append(checks, rule(p, input)...)
	}
	return input, append(checks, codes(p, e)...)
}

// emailConfiguration returns the setting, with what before has of fields that
// this program does not know.
func emailConfiguration(before object, e inventory.EmailConfiguration) object {
	after := object{}
	for key, value := range before {
		if !settable["EmailConfiguration."+key] {
			after[key] = value
		}
	}
	for key, value := range map[string]string{
		"EmailSendingAccount": string(e.Mode), "SourceArn": e.SourceARN, "From": e.From,
		"ReplyToEmailAddress": e.ReplyTo, "ConfigurationSet": e.ConfigurationSet,
	} {
		if value != "" {
			after[key] = value
		}
	}
	return after
}

// sendFalse writes what is false where it is absent, as clients take it: UpdateUserPool
// may have another default.
func sendFalse(fields object) {
	for parent, names := range map[string][]string{
		"AdminCreateUserConfig":   {"AllowAdminCreateUserOnly"},
		"Policies.PasswordPolicy": {"RequireLowercase", "RequireNumbers", "RequireSymbols", "RequireUppercase"},
	} {
		o := fields
		for key := range strings.SplitSeq(parent, ".") {
			o = in(o, key)
		}
		for _, name := range names {
			if _, ok := o[name]; !ok && o != nil {
				o[name] = false
			}
		}
	}
}

func unknownFields(p *Pool, _ object) []Check {
	paths := newer(p.fields)
	if len(paths) == 0 {
		return nil
	}
	return []Check{{
		"Fields that this program does not know are in the document", Unknown,
		fmt.Sprintf("%s: kept as they are. If aws-cli does not know one of them, it refuses the document and changes nothing: update aws-cli. "+
			"If the newest aws-cli refuses it as well, UpdateUserPool does not have that field: remove it from the document.", quotedList(paths)),
	}}
}

// validity drops the old form of how long a temporary password is valid, which
// UpdateUserPool refuses beside the new one.
func validity(_ *Pool, input object) []Check {
	if _, ok := in(in(input, "Policies"), "PasswordPolicy")["TemporaryPasswordValidityDays"]; ok {
		delete(in(input, "AdminCreateUserConfig"), "UnusedAccountValidityDays")
	}
	return nil
}

// verification checks what UpdateUserPool demands of the two settings together.
func verification(_ *Pool, input object) []Check {
	automatic := texts(input, "AutoVerifiedAttributes")
	for _, name := range texts(in(input, "UserAttributeUpdateSettings"), "AttributesRequireVerificationBeforeUpdate") {
		if !slices.Contains(automatic, name) {
			return []Check{{
				"Attributes verified before an update are verified automatically", Failed,
				fmt.Sprintf("AttributesRequireVerificationBeforeUpdate has %s, AutoVerifiedAttributes does not: UpdateUserPool refuses this.", quoted(name)),
			}}
		}
	}
	return nil
}

// messages sees to it that no text is given in two ways, which UpdateUserPool
// refuses or decides by itself.
func messages(p *Pool, input object) []Check {
	var checks []Check
	lost := func(field, reason string) {
		checks = append(checks, Check{
			"All texts are kept", Failed, field + " is not in the document, since " + reason + ". UpdateUserPool removes this text, so save it before.",
		})
	}
	template := in(input, "VerificationMessageTemplate")
	if text(template, "EmailMessage") != "" && text(template, "EmailMessageByLink") != "" {
		other := "EmailMessageByLink"
		if text(template, "DefaultEmailOption") == "CONFIRM_WITH_LINK" {
			other = "EmailMessage"
		}
		delete(template, other)
		lost("VerificationMessageTemplate."+other, "UpdateUserPool refuses EmailMessage together with EmailMessageByLink, and DefaultEmailOption says which one is used")
	}
	for legacy, current := range map[string]string{
		"EmailVerificationMessage": "EmailMessage", "EmailVerificationSubject": "EmailSubject", "SmsVerificationMessage": "SmsMessage",
	} {
		old, own := text(input, legacy), text(in(p.fields, "VerificationMessageTemplate"), current)
		if old == "" || own == "" || old == own && text(template, current) != "" {
			continue
		}
		delete(input, legacy)
		if old != own {
			lost(legacy, "VerificationMessageTemplate."+current+" has another text")
		}
	}
	slices.SortFunc(checks, func(a, b Check) int { return strings.Compare(a.Text, b.Text) })
	return checks
}

// triggers checks what UpdateUserPool demands of the Lambda functions.
func triggers(_ *Pool, input object) []Check {
	var checks []Check
	l := in(input, "LambdaConfig")
	old, current := text(l, "PreTokenGeneration"), text(in(l, "PreTokenGenerationConfig"), "LambdaArn")
	if old != "" && current != "" && old != current {
		checks = append(checks, Check{
			"PreTokenGeneration and PreTokenGenerationConfig name the same function", Failed, "They name two: UpdateUserPool refuses this.",
		})
	}
	if (in(l, "CustomEmailSender") != nil || in(l, "CustomSMSSender") != nil) && text(l, "KMSKeyID") == "" {
		checks = append(checks, Check{"Custom senders have a key", Failed, "LambdaConfig has no KMSKeyID: UpdateUserPool refuses this."})
	}
	if in(l, "CustomEmailSender") != nil {
		checks = append(checks, Check{
			"Cognito sends the e-mail", Unknown,
			"A CustomEmailSender Lambda function sends the e-mail of this pool. The change has no effect until it is removed.",
		})
	}
	return checks
}

func plan(p *Pool, _ object) []Check {
	if text(p.fields, "UserPoolTier") != "" {
		return nil
	}
	return []Check{{"The feature plan is kept", Failed, "The description has no UserPoolTier, and UpdateUserPool sets ESSENTIALS where none is given: add the pool's plan to the document."}}
}

// tags drops AWS's own, which only AWS can set.
func tags(_ *Pool, input object) []Check {
	own := in(input, "UserPoolTags")
	var dropped []string
	maps.DeleteFunc(own, func(key string, _ any) bool {
		if !strings.HasPrefix(key, "aws:") {
			return false
		}
		dropped = append(dropped, key)
		return true
	})
	if len(dropped) == 0 {
		return nil
	}
	slices.Sort(dropped)
	return []Check{{
		"AWS's own tags stay", Unknown,
		quotedList(dropped) + " cannot be given to UpdateUserPool, and AWS does not say what becomes of them: compare them afterwards. " +
			"They mean that a CloudFormation stack or another service of AWS manages the pool: change it there.",
	}}
}

func mfa(_ *Pool, input object) []Check {
	if mode := text(input, "MfaConfiguration"); mode == "" || mode == "OFF" || in(input, "SmsConfiguration") != nil {
		return nil
	}
	return []Check{{
		"MFA without SMS stays", Unknown,
		"The pool has MFA and no SmsConfiguration. AWS does not say what UpdateUserPool does then: try it on a test pool, and compare get-user-pool-mfa-config afterwards.",
	}}
}

// codes checks what needs an own SES identity.
func codes(p *Pool, e inventory.EmailConfiguration) []Check {
	if e.Mode != inventory.ModeDefault {
		return nil
	}
	var checks []Check
	if slices.Contains(texts(in(in(p.fields, "Policies"), "SignInPolicy"), "AllowedFirstAuthFactors"), "EMAIL_OTP") {
		checks = append(checks, Check{"No sign-in by e-mail code", Failed, "AllowedFirstAuthFactors has EMAIL_OTP, which needs DEVELOPER: UpdateUserPool refuses this."})
	}
	template, invitation := in(p.fields, "VerificationMessageTemplate"), in(in(p.fields, "AdminCreateUserConfig"), "InviteMessageTemplate")
	for _, s := range []string{
		text(template, "EmailMessage"), text(template, "EmailMessageByLink"), text(template, "EmailSubject"), text(template, "EmailSubjectByLink"),
		text(invitation, "EmailMessage"), text(invitation, "EmailSubject"), text(p.fields, "EmailVerificationMessage"), text(p.fields, "EmailVerificationSubject"),
	} {
		if s != "" {
			return append(checks, Check{
				"No own texts of e-mails", Unknown,
				"The pool has own texts of e-mails. AWS's documentation allows them only with DEVELOPER; UpdateUserPool may refuse the document.",
			})
		}
	}
	return checks
}

// expected returns the pool's description after UpdateUserPool with the input:
// what the input does not have is gone.
func expected(before, input object) object {
	after := copied(before).(object)
	maps.DeleteFunc(after, func(name string, _ any) bool { return renamed[name] == "" && !slices.Contains(describedOnly, name) })
	for name, value := range copied(input).(object) {
		if name != "UserPoolId" && name != "PoolName" {
			after[name] = value
		}
	}
	if name, ok := input["PoolName"]; ok {
		after["Name"] = name
	}
	if kept, ok := after["UserPoolTags"].(object); ok {
		for key, value := range in(before, "UserPoolTags") {
			if strings.HasPrefix(key, "aws:") {
				kept[key] = value
			}
		}
	}
	return after
}

// Difference is a field that two descriptions of a pool do not have in common.
type Difference struct {
	Path          string // for example EmailConfiguration.From
	Before, After string // as JSON; empty where the field is absent
}

// differences compares two descriptions, but for what changes by itself.
func differences(before, after object) []Difference {
	before, after = normal(before), normal(after)
	var all []Difference
	var walk func(path string, a, b any, hasA, hasB bool)
	walk = func(path string, a, b any, hasA, hasB bool) {
		oa, isA := a.(object)
		ob, isB := b.(object)
		if (isA || !hasA) && (isB || !hasB) && (len(oa) > 0 || len(ob) > 0) {
			keys := maps.Clone(oa)
			if keys == nil {
				keys = object{}
			}
			maps.Copy(keys, ob)
			for key := range keys {
				va, inA := oa[key]
				vb, inB := ob[key]
				walk(strings.TrimPrefix(path+"."+segment(key), "."), va, vb, inA, inB)
			}
			return
		}
		d := Difference{Path: path}
		if hasA {
			d.Before = line(a)
		}
		if hasB {
			d.After = line(b)
		}
		if d.Before != d.After {
			all = append(all, d)
		}
	}
	walk("", before, after, true, true)
	slices.SortFunc(all, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// normal returns a description in the one form of what can be said in two.
func normal(fields object) object {
	c := copied(fields).(object)
	for _, name := range moving {
		delete(c, name)
	}
	sendFalse(c)
	if _, ok := in(in(c, "Policies"), "PasswordPolicy")["TemporaryPasswordValidityDays"]; ok {
		delete(in(c, "AdminCreateUserConfig"), "UnusedAccountValidityDays") // Cognito repeats the other one there.
	}
	return c
}

// String tells the difference in one line.
func (d Difference) String() string {
	say := func(s string) string {
		if s == "" {
			return "absent"
		}
		return s
	}
	return d.Path + ": " + say(d.Before) + " -> " + say(d.After)
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_:-]+$`)

// segment is a key in a path, quoted if it could be taken for something else.
func segment(key string) string {
	if !plainKey.MatchString(key) {
		return quoted(key)
	}
	return key
}

// line is a value as JSON in one line.
func line(v any) string { return strings.TrimSuffix(string(encoded(v, "")), "\n") }

// quoted is foreign text as a JSON string.
func quoted(s string) string { return line(s) }

func quotedList(list []string) string {
	all := make([]string, 0, len(list))
	for _, s := range list {
		all = append(all, segment(s))
	}
	return strings.Join(all, ", ")
}

// encoded returns JSON in which every character that cannot be printed is
// escaped, so that it neither moves a terminal's cursor nor hides text.
func encoded(v any, indent string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		panic(err) // It was read from JSON.
	}
	return printable.Lines(b.Bytes())
}
