package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/propose"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

// proposeFlags are those of the command propose.
type proposeFlags struct {
	pool, account, region  string
	wish                   propose.Wish
	mode, configurationSet string
	setGiven, force        bool
	outputDir, verify      string
}

// add adds the command and its flags.
func (p *proposeFlags) add(app *kingpin.Application) {
	c := app.Command("propose", "Write what a person can apply to change a user pool's e-mail configuration and nothing else. Exit code 0: no check failed; "+
		"1: a check failed, no identity fits, or (--verify) the pool is not as proposed; 2: AWS could not be read, or there is no such pool; 3: wrong flags, configuration or files.")
	c.Arg("pool", "ID of the user pool.").StringVar(&p.pool)
	c.Flag("account", "Account of the pool, where several have one of that ID.").StringVar(&p.account)
	c.Flag("region", "Region of the pool. By default, every configured region that has the pool, for replicas.").StringVar(&p.region)
	c.Flag("mode", "EmailSendingAccount: DEVELOPER or COGNITO_DEFAULT.").Default(string(inventory.ModeDeveloper)).EnumVar(&p.mode, string(inventory.ModeDeveloper), string(inventory.ModeDefault))
	c.Flag("identity", "ARN of the SES identity to send as. By default, the best one with which the pool can send.").StringVar(&p.wish.Identity)
	c.Flag("from", "From address: user@example.com or Name <user@example.com>. By default the present one, if it belongs to the identity.").StringVar(&p.wish.From)
	c.Flag("configuration-set", "SES configuration set; empty for none. By default the present one, if the SES region stays.").IsSetByUser(&p.setGiven).StringVar(&p.configurationSet)
	c.Flag("output-dir", "Directory to write to. By default, proposal-POOL.").StringVar(&p.outputDir)
	c.Flag("force", "Replace the files of an earlier proposal.").BoolVar(&p.force)
	c.Flag("verify", "Compare the pool with the proposal in this directory instead.").StringVar(&p.verify)
}

var userPoolID = regexp.MustCompile(`^[\w-]+_[0-9a-zA-Z]+$`)

// proposer is one run of the command.
type proposer struct {
	f              *flags
	reader         *awsread.Reader
	targets        []inventory.Target
	unread         []string // what is missing in targets, and why
	timeout        time.Duration
	policy         inventory.Policy
	stdout, stderr io.Writer
}

// refusal is an error that the user can do something about, by flags or files.
type refusal struct{ error }

func refuse(format string, args ...any) error { return refusal{fmt.Errorf(format, args...)} }

// runPropose writes a proposal, or verifies that one was applied, and returns the
// exit code.
func runPropose(ctx context.Context, f *flags, load func() (*settings, error), logger *slog.Logger, stdout, stderr io.Writer) int {
	p := &proposer{f: f, stdout: stdout, stderr: stderr}
	code, err := p.run(ctx, load, logger)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "%s: %v\n", name, err)
	}
	return code
}

func (p *proposer) run(ctx context.Context, load func() (*settings, error), logger *slog.Logger) (int, error) {
	f := &p.f.propose
	if (f.pool == "") == (f.verify == "") {
		return exitUsage, errors.New("give a user pool or --verify=DIR; see --help")
	}
	if f.pool != "" && !userPoolID.MatchString(f.pool) {
		return exitUsage, fmt.Errorf("%q is not the ID of a user pool, such as eu-west-1_Abc123xyz", f.pool)
	}
	f.wish.Mode = inventory.Mode(f.mode)
	if f.setGiven {
		f.wish.ConfigurationSet = &f.configurationSet
	}
	if err := f.wish.Validate(); err != nil {
		return exitUsage, err
	}
	s, err := load()
	if err != nil { // It names the file.
		_, _ = fmt.Fprintln(p.stderr, err)
		return exitUsage, nil
	}
	p.policy = s.config.Policy()
	s.config.CloudWatch.Enabled, s.config.CloudTrail.Enabled, s.config.Changes.Enabled = false, false, false // They say nothing of what is to come.
	a := newApp(load, logger, prometheus.NewRegistry(), p.f.demo)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if p.f.demo {
		if a.endpoint, err = startDemo(ctx); err != nil {
			return exitUnjudged, err
		}
	}
	if _, err := a.configure(ctx, s); err != nil {
		return exitUsage, err
	}
	plan, err := a.find(ctx, s)
	if err != nil {
		return exitUnjudged, err
	}
	p.reader, p.targets, p.timeout = a.reader, plan.Targets, plan.Timeout
	for _, m := range plan.Fleet.Members {
		if m.Failure != nil {
			p.unread = append(p.unread, m.Failure.Message)
		}
	}
	work := p.propose
	if f.verify != "" {
		work = p.verify
	}
	code, err := work(ctx)
	if _, ok := errors.AsType[refusal](err); ok {
		code = exitUsage
	}
	return code, err
}

// propose finds the pool in every region that it is in, and writes a proposal
// for each.
func (p *proposer) propose(ctx context.Context) (int, error) {
	f := &p.f.propose
	dir := f.outputDir
	if dir == "" {
		dir = "proposal-" + f.pool
	}
	found, err := p.find(ctx)
	if err != nil {
		return exitUnjudged, err
	}
	var all []*propose.Proposal
	for _, d := range found {
		proposal, err := p.choose(ctx, d)
		if nothing, ok := errors.AsType[*propose.NothingFits](err); ok {
			return exitFindings, nothing
		}
		if err != nil {
			return exitUnjudged, err
		}
		all = append(all, proposal)
	}
	propose.Replicas(all)
	files := map[string][]byte{}
	for _, proposal := range all {
		sub := ""
		if len(all) > 1 {
			sub = proposal.Target.Region
		}
		for name, data := range proposal.Files() {
			files[filepath.Join(sub, name)] = data
		}
	}
	if err := writeFiles(dir, files, f.force); err != nil {
		return exitUsage, err
	}
	code := exitOK
	for _, proposal := range all {
		_, _ = fmt.Fprintf(p.stdout, "%s in %s, account %s: %s\n", proposal.ID, proposal.Target.Region, proposal.Target.AccountID, proposal.Summary())
		for _, d := range proposal.Changes {
			_, _ = fmt.Fprintf(p.stdout, "  %s\n", d)
		}
		for _, c := range proposal.Checks {
			_, _ = fmt.Fprintf(p.stdout, "  [%s] %s\n", c.State, strings.TrimSpace(c.Name+". "+c.Text))
		}
		if proposal.Count(propose.Failed) > 0 {
			code = exitFindings
		}
	}
	_, _ = fmt.Fprintf(p.stdout, "Written to %s. %s says how to apply it.\n", dir, propose.FileReadme)
	return code, nil
}

// find describes the pool in every target that may have it.
func (p *proposer) find(ctx context.Context) ([]propose.Described, error) {
	f := &p.f.propose
	targets := slices.DeleteFunc(slices.Clone(p.targets), func(t inventory.Target) bool {
		return f.account != "" && t.AccountID != "" && t.AccountID != f.account || f.region != "" && t.Region != f.region
	})
	if len(targets) == 0 {
		return nil, refuse("the configuration has no such account and region; look at --account and --region")
	}
	type answer struct {
		awsread.Description
		inventory.Outcome
	}
	answers := make([]answer, len(targets))
	var group sync.WaitGroup
	for i, t := range targets {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, p.timeout)
			defer cancel()
			answers[i].Description, answers[i].Outcome = p.reader.DescribePool(ctx, t, f.pool)
		})
	}
	group.Wait()
	var found []propose.Described
	unread := slices.Clone(p.unread)
	for _, a := range answers {
		switch a.Class {
		case inventory.OK:
			if f.account != "" && a.Target.AccountID != f.account {
				continue
			}
			pool, err := propose.Parse(a.Body)
			if err != nil {
				return nil, err
			}
			found = append(found, propose.Described{Pool: pool, UserPool: a.Pool, Target: a.Target})
		case inventory.NotFound, inventory.RegionDisabled:
		default:
			unread = append(unread, a.Message)
		}
	}
	for _, message := range slices.Compact(unread) {
		_, _ = fmt.Fprintf(p.stderr, "%s: not read: %s\n", name, printable.Text(message))
	}
	switch {
	case len(found) == 0 && len(unread) > 0:
		return nil, fmt.Errorf("user pool %q was not found where AWS could be read", f.pool)
	case len(found) == 0:
		return nil, fmt.Errorf("user pool %q is in none of the configured accounts and regions", f.pool)
	}
	for _, d := range found {
		if d.Target.AccountID != found[0].Target.AccountID {
			return nil, refuse("accounts %s and %s have a user pool %q; choose with --account", found[0].Target.AccountID, d.Target.AccountID, f.pool)
		}
	}
	return found, nil
}

// choose reads what has to be known of SES, and makes the proposal.
func (p *proposer) choose(ctx context.Context, d propose.Described) (*propose.Proposal, error) {
	wish := p.f.propose.wish
	var targets []inventory.Target
	for _, region := range wish.Regions(d) {
		targets = append(targets, inventory.Target{AccountID: d.Target.AccountID, AccountName: d.Target.AccountName, Region: region, SESOnly: true})
	}
	readings := p.read(ctx, targets, nil)
	needs := wish.Needs(time.Now(), d, readings, p.policy)
	readings = p.read(ctx, inventory.SESOnlyTargets(needs, nil), readings)
	for _, r := range readings {
		for _, o := range r.Outcomes {
			if o.Class != inventory.OK && o.Class != inventory.RegionDisabled {
				_, _ = fmt.Fprintf(p.stderr, "%s: not read: %s\n", name, printable.Text(o.Message))
			}
		}
	}
	return wish.Choose(time.Now(), d, readings, p.policy)
}

// read reads the targets at the same time, and returns what is known now.
func (p *proposer) read(ctx context.Context, targets []inventory.Target, before []inventory.Reading) []inventory.Reading {
	all := slices.Clone(before)
	places := make([]int, 0, len(targets)) // in all
	for _, t := range targets {
		i := slices.IndexFunc(all, func(r inventory.Reading) bool { return r.Target.Key() == t.Key() })
		if i < 0 {
			i = len(all)
			all = append(all, inventory.Reading{Target: t, Unread: true})
		}
		places = append(places, i)
	}
	var group sync.WaitGroup
	for n, t := range targets {
		have := &all[places[n]]
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, p.timeout)
			defer cancel()
			var prev *inventory.Reading
			if !have.Unread {
				prev = have
			}
			*have = p.reader.Read(ctx, t, prev)
		})
	}
	group.Wait()
	return all
}

// writeFiles writes files of a directory by name, in which existing files are
// not replaced unless force says so. Only the user can read them: a description
// has the external ID of the role for SMS.
func writeFiles(dir string, files map[string][]byte, force bool) error {
	for name := range files {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil && !force {
			return fmt.Errorf("%s exists; choose another --output-dir, or give --force", filepath.Join(dir, name))
		}
	}
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// verify compares the pools of a directory with what was proposed.
func (p *proposer) verify(ctx context.Context) (int, error) {
	dirs, err := proposals(p.f.propose.verify)
	if err != nil {
		return exitUsage, err
	}
	code := exitOK
	for _, dir := range dirs {
		differences, key, err := p.verifyOne(ctx, dir)
		if err != nil {
			return exitUnjudged, err
		}
		if len(differences) == 0 {
			_, _ = fmt.Fprintf(p.stdout, "%s in %s: as proposed\n", key.ID, key.Region)
			continue
		}
		code = exitFindings
		_, _ = fmt.Fprintf(p.stdout, "%s in %s: not as proposed (proposed -> now)\n", key.ID, key.Region)
		for _, d := range differences {
			_, _ = fmt.Fprintf(p.stdout, "  %s\n", d)
		}
	}
	return code, nil
}

// proposals returns the directory if a proposal is in it, and those in it that
// are proposals for a region.
func proposals(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	candidates, found := []string{dir}, []string(nil)
	for _, e := range entries {
		candidates = append(candidates, filepath.Join(dir, e.Name()))
	}
	for _, c := range candidates {
		if _, err := os.Stat(filepath.Join(c, propose.FileBefore)); err == nil {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no %s of a proposal", dir, propose.FileBefore)
	}
	return found, nil
}

// verifyOne compares a pool with one proposal.
func (p *proposer) verifyOne(ctx context.Context, dir string) ([]propose.Difference, inventory.PoolKey, error) {
	file := func(name string) ([]byte, error) { return yamlfile.Read(filepath.Join(dir, name)) }
	data, err := file(propose.FileBefore)
	if err != nil {
		return nil, inventory.PoolKey{}, refusal{err}
	}
	before, err := propose.Parse(data)
	if err != nil {
		return nil, inventory.PoolKey{}, refuse("%s: %w", filepath.Join(dir, propose.FileBefore), err)
	}
	update, err := file(propose.FileUpdate)
	if err != nil {
		return nil, before.Key, refusal{err}
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	d, o := p.reader.DescribePool(ctx, inventory.Target{AccountID: before.Key.AccountID, Region: before.Key.Region}, before.Key.ID)
	if o.Class != inventory.OK {
		return nil, before.Key, errors.New(o.Message)
	}
	now, err := propose.Parse(d.Body)
	if err != nil {
		return nil, before.Key, err
	}
	differences, err := propose.Verify(before, update, now)
	if err != nil {
		return nil, before.Key, refuse("%s: %w", dir, err)
	}
	return differences, before.Key, nil
}
