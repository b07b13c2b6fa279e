package report

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// resource is what a finding is about, by AWS's names.
type resource struct {
	uid       string // ARN; of an account as Security Hub writes it, of a planned pool its address
	kind      string // type of CloudFormation
	name      string
	partition string
}

func resourceOf(f *rules.Finding) resource {
	r := resource{name: what(f), partition: inventory.Partition(f.Region)}
	arn := func(service, rest string) string {
		return strings.Join([]string{"arn", r.partition, service, f.Region, f.AccountID, rest}, ":")
	}
	switch {
	case f.PoolID != "":
		r.uid, r.kind = arn("cognito-idp", "userpool/"+f.PoolID), "AWS::Cognito::UserPool"
	case f.Resource != "":
		r.uid, r.kind = f.Resource, "AWS::Cognito::UserPool"
	case f.Identity != "":
		r.uid, r.kind = arn("ses", "identity/"+f.Identity), "AWS::SES::EmailIdentity"
	default:
		r.uid, r.kind = "AWS::::Account:"+f.AccountID, "AWS::::Account"
	}
	return r
}

// message says what is wrong; never empty.
func message(f *rules.Finding) string { return cmp.Or(strings.TrimSpace(f.Message), f.Summary, f.Rule) }

// clip returns at most n bytes of the text.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = "…"
	end := n - len(mark)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}
