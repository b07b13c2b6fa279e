package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/config"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/iac"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/report"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

// planFlags are those of check that are about what is still to be deployed.
type planFlags struct {
	path    string // of a file or directory, - for standard input; empty without a plan
	source  string // directory of Terraform's configuration; empty for that of the plan
	offline bool
}

func (p *planFlags) add(check *kingpin.CmdClause) {
	check.Flag("plan", "Judge the user pools that this file creates or changes, instead of those that are there: what terraform show -json prints of a plan, a CloudFormation template, or CDK's cdk.out directory; - is standard input. --account and --region are then those of pools of which it does not tell them.").
		PlaceHolder("FILE").StringVar(&p.path)
	check.Flag("plan-offline", "With --plan, ask AWS nothing. What depends on SES is then undetermined, as it is without credentials.").BoolVar(&p.offline)
	check.Flag("plan-source", "With --plan, the directory of Terraform's configuration, for the file and line of findings. By default, the directory that the plan is in.").
		PlaceHolder("DIR").StringVar(&p.source)
}

func (p *planFlags) validate() error {
	switch {
	case p.path == "" && p.offline:
		return errors.New("--plan-offline needs --plan")
	case p.path == "" && p.source != "":
		return errors.New("--plan-source needs --plan")
	default:
		return nil
	}
}

// read reads the plan; stdin is for -.
func (p *planFlags) read(stdin io.Reader) (*iac.Document, error) {
	var d *iac.Document
	var err error
	source := p.source
	if p.path == "-" {
		var data []byte
		if data, err = yamlfile.AllOf(stdin, iac.MaxSize); err == nil {
			d, err = iac.Parse("standard input", data)
		}
	} else {
		d, err = iac.Open(p.path)
		source = cmp.Or(source, filepath.Dir(p.path))
	}
	if err == nil && source != "" {
		d.Locate(source)
	}
	return d, err
}

var accountIDs = regexp.MustCompile(`^[0-9]{12}$`)

// place returns the account and the region of pools of which the plan does not
// tell them, as far as flags do.
func (c *checkFlags) place(accounts []config.Account) (k inventory.Key, err error) {
	if len(c.accounts) > 1 || len(c.regions) > 1 {
		return k, errors.New("with --plan, give at most one --account and one --region")
	}
	if len(c.accounts) == 1 {
		k.AccountID = c.accounts[0]
		if i := slices.IndexFunc(accounts, func(a config.Account) bool { return a.Name == k.AccountID }); i >= 0 {
			k.AccountID = accounts[i].ID
		}
		if !accountIDs.MatchString(k.AccountID) {
			return k, fmt.Errorf("--account: %q is neither the ID of an account nor the name of a configured one", c.accounts[0])
		}
	}
	if len(c.regions) == 1 {
		k.Region = c.regions[0]
		if !slices.Contains(inventory.KnownRegions(), k.Region) {
			return k, fmt.Errorf("--region: %q is not a region with Cognito user pools", k.Region)
		}
	}
	return k, nil
}

// readPlan reads a plan, and of AWS the SES accounts that its pools lead to. With
// an error it returns the exit code.
func (a *app) readPlan(ctx context.Context, s *settings, f *flags, p *progress) (inAWS, int, error) {
	c := s.config
	place, err := f.check.place(c.Accounts)
	if err != nil {
		return inAWS{}, exitUsage, err
	}
	var document *iac.Document
	stdin := os.Stdin
	err = unlessDone(ctx, func() (err error) { // Standard input may never come to an end.
		document, err = f.check.plan.read(stdin)
		return err
	})
	if ctx.Err() != nil {
		return inAWS{}, exitUnjudged, ctx.Err()
	}
	if err != nil {
		return inAWS{}, exitUsage, err
	}
	policy := c.Policy()
	// What was sent and changed says nothing of what is to come.
	c.CloudWatch.Enabled, c.CloudTrail.Enabled, c.SendStatistics.Enabled, c.Changes.Enabled = false, false, false, false
	o := &report.PlanOptions{Path: f.check.plan.path, Format: string(document.Format), Quota: policy}
	result := inAWS{plan: o}
	a.reader, err = awsread.New(ctx, a.readerOptions(c, nil))
	if err != nil && !f.check.plan.offline {
		return inAWS{}, exitUsage, err
	}
	if a.reader != nil {
		place.Region = cmp.Or(place.Region, a.reader.Region())
	}
	credentials := false
	if !f.check.plan.offline {
		own, err := a.reader.Ambient(ctx, cmp.Or(place.Region, inventory.Home("aws")))
		failure, _ := errors.AsType[*inventory.Failure](err)
		switch {
		case failure != nil:
			result.members = []inventory.Member{{ID: place.AccountID, Failure: failure}}
		case own == "":
			o.Notes = append(o.Notes, "no AWS credentials were found, so that SES is not read; what depends on it is undetermined")
		default:
			credentials = true
			place.AccountID = cmp.Or(place.AccountID, own)
		}
	}
	plan, now := document.Plan(place), time.Now()
	o.Notes = append(o.Notes, plan.Notes...)
	var readings []inventory.Reading
	if credentials {
		targets := a.sesTargets(c, inventory.Needs(plan.Join(now, nil)...))
		p.show(f.terminal, len(targets))
		readings = collector.ReadOnce(ctx, watched{a.reader, p}, collector.Plan{Targets: targets, Timeout: time.Duration(c.Timeout)}, p.finished)
		p.end()
		o.SESRead = true
	}
	readings = plan.Join(now, readings)
	for i := range readings {
		t := &readings[i].Target
		t.AccountName = cmp.Or(t.AccountName, nameOf(c, t.AccountID))
	}
	result.Snapshot = inventory.New(now, readings, policy)
	return result, exitOK, nil
}

// nameOf returns the name that the configuration gives an account.
func nameOf(c *config.Config, id string) string {
	for _, account := range c.Accounts {
		if account.ID == id && id != "" {
			return account.Name
		}
	}
	return ""
}

// sesTargets returns what is to be read of SES for the needs, as far as it is
// known where that is. The reader knows their roles then, also those of the
// organization's accounts.
func (a *app) sesTargets(c *config.Config, needs []inventory.Need) []inventory.Target {
	needs = slices.DeleteFunc(needs, func(n inventory.Need) bool { return n.AccountID == "" || n.Region == "" })
	if o := &c.Organization; o.Enabled() {
		members := map[string]string{}
		for _, n := range needs {
			if !slices.ContainsFunc(c.Accounts, func(a config.Account) bool { return a.ID == n.AccountID }) {
				members[n.AccountID] = "arn:" + inventory.Partition(n.Region) + ":iam::" + n.AccountID + ":role/" + o.MemberRoleName
			}
		}
		a.reader.Update(a.readerOptions(c, members))
	}
	return inventory.SESOnlyTargets(needs, nil)
}
