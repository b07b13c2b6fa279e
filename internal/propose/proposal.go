package propose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
)

// The files of a proposal.
const (
	FileReadme         = "README.md"
	FileBefore         = "before.json"
	FileUpdate         = "update-user-pool.json"
	FileChanges        = "changes.txt"
	FileTerraform      = "email_configuration.tf"
	FileCloudFormation = "cloudformation.json"
)

// Proposal is an e-mail configuration for a user pool in one region, and how to
// get there.
type Proposal struct {
	Described
	Email   inventory.EmailConfiguration
	Changes []Difference // what the document changes, sorted
	Checks  []Check      // the failed ones first

	input object
}

func (d Described) propose(e inventory.EmailConfiguration, checks []Check) *Proposal {
	input, more := d.update(e)
	p := &Proposal{Described: d, Email: e, input: input, Changes: differences(d.fields, expected(d.fields, input))}
	p.Checks = ordered(slices.Concat(checks, more))
	return p
}

// Count returns the number of checks in the state.
func (p *Proposal) Count(state State) int { return count(p.Checks, state) }

// Replicas adds a check to the proposals of one pool in several regions: all
// settings but those of the region itself have to be the same in all of them.
func Replicas(all []*Proposal) {
	const name = "The settings of the pool's regions agree"
	regional := []string{"EmailConfiguration", "KeyConfiguration", "LambdaConfig", "SmsConfiguration", "UserPoolTags"} // A key's ARN has its region.
	for i, p := range all {
		if len(all) < 2 {
			return
		}
		other := all[(i+1)%len(all)]
		c := Check{Name: name, State: Passed}
		for field := range settable {
			a, b := normal(p.input)[field], normal(other.input)[field]
			if !strings.Contains(field, ".") && !slices.Contains(regional, field) && line(a) != line(b) {
				c.State = Failed
				c.Text = fmt.Sprintf("%s is not the same in %s and %s: AWS refuses the update of the secondary region.", field, p.Target.Region, other.Target.Region)
			}
		}
		p.Checks = ordered(append(p.Checks, c))
	}
}

// Files returns the content of the files by name.
func (p *Proposal) Files() map[string][]byte {
	var before bytes.Buffer
	if err := json.Indent(&before, p.body, "", "  "); err != nil {
		panic(err) // It was parsed.
	}
	before.WriteByte('\n')
	return map[string][]byte{
		FileReadme:         []byte(p.readme()),
		FileBefore:         printable.Lines(before.Bytes()),
		FileUpdate:         encoded(p.input, "  "),
		FileChanges:        []byte(p.changes()),
		FileTerraform:      []byte(terraform(p.Email)),
		FileCloudFormation: encoded(object{"EmailConfiguration": emailConfiguration(nil, p.Email)}, "  "),
	}
}

func (p *Proposal) changes() string {
	if len(p.Changes) == 0 {
		return "nothing\n"
	}
	var b strings.Builder
	for _, d := range p.Changes {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}

// terraform returns the block of the resource aws_cognito_user_pool.
func terraform(e inventory.EmailConfiguration) string {
	var b strings.Builder
	b.WriteString("email_configuration {\n")
	for _, a := range []struct{ name, value string }{
		{"email_sending_account", string(e.Mode)},
		{"source_arn", e.SourceARN},
		{"from_email_address", e.From},
		{"reply_to_email_address", e.ReplyTo},
		{"configuration_set", e.ConfigurationSet},
	} {
		if a.value != "" {
			fmt.Fprintf(&b, "  %-22s = %s\n", a.name, hcl(a.value))
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// hcl is a string of HCL, in which ${ and %{ begin templates. Its other escapes
// are those of JSON that occur in printable text.
func hcl(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(quoted(s))
}

// Verify compares a pool with what the files of a proposal promise: all as
// before, but for what the document changes. The two files are those of
// FileBefore and FileUpdate, the third is a new description.
func Verify(before *Pool, update []byte, now *Pool) ([]Difference, error) {
	input, err := parseObject(update)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", FileUpdate, err)
	}
	if text(input, "UserPoolId") != before.Key.ID {
		return nil, fmt.Errorf("%s is of another user pool than %s", FileUpdate, FileBefore)
	}
	if now.Key != before.Key {
		return nil, errors.New("the description is of another user pool")
	}
	return differences(expected(before.fields, input), now.fields), nil
}
