package iac

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

// templateFormat is what templates of CloudFormation have in common.
var templateFormat = yamlfile.Format{
	Name: "template", Minimal: "Resources: {}", Aliases: true, Nulls: true,
	Tags: []string{
		"!And", "!Base64", "!Cidr", "!Condition", "!Equals", "!FindInMap", "!GetAtt", "!GetAZs", "!If", "!ImportValue", "!Join", "!Length",
		"!Not", "!Or", "!Ref", "!Select", "!Split", "!Sub", "!ToJsonString", "!Transform",
	},
}

// The types of resources that matter.
const (
	cfnPool     = "AWS::Cognito::UserPool"
	cfnIdentity = "AWS::SES::EmailIdentity"
	cfnSet      = "AWS::SES::ConfigurationSet"
	cfnStack    = "AWS::CloudFormation::Stack"
)

// stack is a template and how it is deployed.
type stack struct {
	root   *yamlfile.Node
	name   string        // of a CDK stack, in front of its resources; may be empty
	env    inventory.Key // as far as it is told
	dir    string        // of the cloud assembly; empty without one
	within int           // how many stacks it is nested in
	given  map[string]*yamlfile.Node
}

func parseTemplate(name string, data []byte) (*Document, error) {
	s, err := readStack(name, data)
	if err != nil {
		return nil, err
	}
	return &Document{Format: CloudFormation, find: s.find}, nil
}

// readStack returns the template in a file.
func readStack(name string, data []byte) (*stack, error) {
	var p yamlfile.Problems
	parse := yamlfile.Parse
	if bytes.HasPrefix(bytes.TrimLeft(data, "\ufeff \t\r\n"), []byte("{")) {
		parse = yamlfile.ParseJSON
	}
	root := parse(&p, templateFormat, name, data)
	if p.Err() == nil && p.Is(root, yamlfile.Mapping, "a template", "a mapping") {
		if resources := child(root, "Resources"); resources == nil || resources.Kind != yamlfile.Mapping {
			p.Add(root.At(), "this is neither a template of CloudFormation, which has Resources, nor a plan of Terraform as terraform show -json prints it")
		}
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return &stack{root: root}, nil
}

// child returns what a mapping has under the key; nil without it.
func child(n *yamlfile.Node, key string) *yamlfile.Node {
	if n == nil || n.Kind != yamlfile.Mapping {
		return nil
	}
	for _, p := range n.Pairs {
		if p.Key.Text == key {
			return p.Value
		}
	}
	return nil
}

// find adds the user pools of the template.
func (s *stack) find(p *Plan) {
	e := newEvaluator(s, p.place(s.env))
	for _, r := range child(s.root, "Resources").Pairs {
		id := r.Key.Text
		address := id
		if s.name != "" {
			address = s.name + "." + id
		}
		if strings.HasPrefix(id, "Fn::ForEach::") {
			p.note("%s is not judged: loops (Fn::ForEach) are expanded only when the template is deployed", address)
			continue
		}
		kind := child(r.Value, "Type")
		if kind == nil {
			continue
		}
		if c := child(r.Value, "Condition"); c != nil && e.named(c.Text) == inventory.No {
			continue // It is not created.
		}
		properties := e.resolve(child(r.Value, "Properties"))
		switch kind.Text {
		case cfnPool:
			d := s.draft(e, properties)
			at := r.Key.At()
			d.planned = inventory.Planned{Resource: address, Action: "deploy", File: at.File, Line: at.Line}
			p.Pools = append(p.Pools, d.pool())
		case cfnIdentity:
			if name, known := e.text(e.get(properties, "EmailIdentity")); known && name != "" {
				p.things = append(p.things, thing{Key: e.key, name: name})
			}
		case cfnSet:
			if name, known := e.text(e.get(properties, "Name")); known && name != "" {
				sending := e.tri(e.get(e.get(properties, "SendingOptions"), "SendingEnabled"))
				p.things = append(p.things, thing{Key: e.key, name: name, set: true, sending: sending})
			}
		case cfnStack:
			s.nested(p, e, address, r.Value, properties)
		}
	}
}

// draft returns a user pool by the properties of its resource.
func (s *stack) draft(e *evaluator, properties *yamlfile.Node) draft {
	d := draft{Key: e.key}
	d.name, _ = e.text(e.get(properties, "UserPoolName"))
	switch email := e.get(properties, "EmailConfiguration"); email {
	case nil:
		d.mode("", true)
	case open:
		d.email.Mode = inventory.ModeUnknown
		d.open(inventory.PendingEmail)
	default:
		text := func(to *string, field inventory.PendingSettings, name string) {
			t, known := e.text(e.get(email, name))
			d.set(to, field, t, known)
		}
		d.mode(e.text(e.get(email, "EmailSendingAccount")))
		text(&d.email.From, inventory.PendingFrom, "From")
		text(&d.email.ReplyTo, inventory.PendingReplyTo, "ReplyToEmailAddress")
		text(&d.email.ConfigurationSet, inventory.PendingConfigurationSet, "ConfigurationSet")
		text(&d.email.SourceARN, inventory.PendingSourceARN, "SourceArn")
		if d.pending.Has(inventory.PendingSourceARN) {
			d.identity = e.identity(e.get(email, "SourceArn"))
		}
	}
	switch sender := e.get(e.get(properties, "LambdaConfig"), "CustomEmailSender"); sender {
	case nil:
	case open:
		d.open(inventory.PendingCustomSender)
	default:
		d.email.CustomSender = true
	}
	var known bool
	if d.autoVerified, known = e.texts(e.get(properties, "AutoVerifiedAttributes")); !known {
		d.open(inventory.PendingAutoVerified)
	}
	options, known := e.items(e.get(e.get(properties, "AccountRecoverySetting"), "RecoveryMechanisms"))
	var mechanisms []mechanism
	for _, o := range options {
		name, ok := e.text(e.get(o, "Name"))
		priority, ok2 := e.text(e.get(o, "Priority"))
		n, err := strconv.ParseFloat(priority, 64)
		known = known && ok && ok2 && err == nil
		mechanisms = append(mechanisms, mechanism{name, n})
	}
	d.recover(mechanisms, known)
	factors, known := e.texts(e.get(e.get(e.get(properties, "Policies"), "SignInPolicy"), "AllowedFirstAuthFactors"))
	if !known {
		d.open(inventory.PendingFirstFactors)
	}
	second, known := e.texts(e.get(properties, "EnabledMfas"))
	if !known {
		d.open(inventory.PendingMFA)
	}
	for _, f := range factors {
		d.otp = d.otp || f == emailOTP
	}
	if known {
		d.emailMFA = inventory.No
		for _, f := range second {
			if f == emailOTP {
				d.emailMFA = inventory.Yes
			}
		}
	}
	d.secondFactor(e.text(e.get(properties, "MfaConfiguration")))
	d.tier, _ = e.text(e.get(properties, "UserPoolTier"))
	tags := e.get(properties, "UserPoolTags")
	if tags == open || tags != nil && tags.Kind != yamlfile.Mapping {
		d.open(inventory.PendingTags)
		return d
	}
	if tags != nil {
		d.tags = map[string]string{}
		for _, pair := range tags.Pairs {
			text, known := e.text(e.resolve(pair.Value))
			if !known {
				d.open(inventory.PendingTags)
			}
			d.tags[pair.Key.Text] = text
		}
	}
	return d
}

// nested adds what is in a stack within the stack, where its template is part of
// the cloud assembly.
func (s *stack) nested(p *Plan, e *evaluator, address string, resource, properties *yamlfile.Node) {
	asset := child(child(resource, "Metadata"), "aws:asset:path")
	if s.dir == "" || asset == nil || s.within >= maxNested {
		p.note("%s is not judged: it is a stack of its own; check its template as well", address)
		return
	}
	inner, err := readAsset(s.dir, asset.Text)
	if err != nil {
		p.note("%s is not judged: %v", address, err)
		return
	}
	inner.name, inner.env, inner.dir, inner.within = address, e.key, s.dir, s.within+1
	inner.given = map[string]*yamlfile.Node{}
	parameters := e.get(properties, "Parameters")
	if parameters == nil || parameters == open {
		parameters = &yamlfile.Node{}
	}
	for _, pair := range parameters.Pairs {
		inner.given[pair.Key.Text] = open
		if text, known := e.text(e.resolve(pair.Value)); known {
			inner.given[pair.Key.Text] = scalar(text)
		}
	}
	inner.find(p)
}
