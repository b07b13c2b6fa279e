package propose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// readme says what the proposal is, what has to be true first, and how to apply
// and verify it.
func (p *Proposal) readme() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	region, id := p.Target.Region, p.ID
	say("# E-mail configuration of user pool %s\n", code(p.Pool.Name))
	say("User pool %s in account %s, %s, as it was described at %s.\n", code(id), p.Target.AccountID, region, p.Confirmed.UTC().Format("2006-01-02 15:04:05 UTC"))
	say("%s\n", prose(p.Summary()))
	say("## What changes\n\n```\n%s```\n", strings.ReplaceAll(p.changes(), "`", `\u0060`))
	say("## What must be true first\n")
	for _, c := range p.Checks {
		mark := " "
		if c.State == Passed {
			mark = "x"
		}
		say("%s", strings.TrimSpace(fmt.Sprintf("- [%s] %s: **%s**. %s", mark, c.Name, c.State, prose(c.Text))))
	}
	say("\n## Apply it\n")
	say("%s has every setting of the pool, because `update-user-pool` resets those that it is not given. If anything but the e-mail", code(FileUpdate))
	say("configuration was changed since, it would be changed back: the first command shows that. Run the commands in this directory,")
	say("`cognito-ses-exporter` with the same `--config.file` as before.\n")
	say("```sh\ncognito-ses-exporter propose --verify .   # only EmailConfiguration may differ now")
	say("aws cognito-idp update-user-pool --region %s --cli-input-json file://%s", region, FileUpdate)
	say("cognito-ses-exporter propose --verify .   # nothing may differ any more\n```\n")
	say("Where Terraform or CloudFormation manages the pool, change it there: %s is the block of `aws_cognito_user_pool`,", code(FileTerraform))
	say("%s the property of `AWS::Cognito::UserPool`.\n", code(FileCloudFormation))
	say("## What update-user-pool does not carry\n")
	say("The factors of MFA, the risk configuration and the delivery of logs have operations of their own. Save them before, and compare")
	say("them afterwards:\n\n```sh")
	for _, operation := range []string{"get-user-pool-mfa-config", "describe-risk-configuration", "get-log-delivery-configuration"} {
		say("aws cognito-idp %s --region %s --user-pool-id %s", operation, region, id)
	}
	say("```\n")
	var fixed []string
	for _, name := range describedOnly {
		if _, ok := p.fields[name]; ok && !slices.Contains(moving, name) {
			fixed = append(fixed, name)
		}
	}
	say("Not in the document, since `update-user-pool` neither takes nor changes them: %s.", strings.Join(fixed, ", "))
	return b.String()
}

// Summary says in a sentence or two what is proposed and whether it can be applied.
func (p *Proposal) Summary() string {
	s := "The pool sends through Cognito's built-in sender."
	if p.Email.Mode == inventory.ModeDeveloper {
		s = fmt.Sprintf("The pool sends as %s from %s.", quoted(p.Email.SourceARN), quoted(p.Email.From))
		if p.Email.From == "" {
			s = fmt.Sprintf("The pool sends as %s.", quoted(p.Email.SourceARN))
		}
	}
	failed, unknown := p.Count(Failed), p.Count(Unknown)
	switch {
	case failed > 0:
		return s + fmt.Sprintf(" Do not apply it yet: %s failed.", plural(failed, "check"))
	case unknown > 0:
		return s + fmt.Sprintf(" No check failed; look at %s that could not be decided.", plural(unknown, "check"))
	default:
		return s + " Every check passed."
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// prose is text for Markdown, in which nothing is markup.
func prose(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", "`", "&#96;", "*", "&#42;", "[", "&#91;", "_", `\_`).Replace(s)
}

// code is foreign text as code in Markdown.
func code(s string) string {
	q := quoted(s)
	return "`" + strings.ReplaceAll(q[1:len(q)-1], "`", `\u0060`) + "`"
}
