// Package config reads the configuration file: what to read, how often, how
// gently, and what to show of it.
//
// It exists so that a mistake in the file is found before anything is served,
// with its place and with what is allowed instead, and so that every default
// is in one place. A [Config] that this package hands out is complete and
// valid; nobody else fills in or checks anything.
//
// It must not know AWS's SDK, Prometheus metrics or HTTP, and asks neither the
// network nor the environment: whether a role can be assumed is seen when a
// target is read. Its types stay here and in package main, which hands on
// plain values.
package config

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// AWS's own quotas in requests per second, for each account and region.
const (
	cognitoQuota    = 15 // DescribeUserPool and ListUserPools together, and ListUserPoolClients
	sesQuota        = 1  // each operation
	cloudWatchQuota = 25 // ListMetrics; GetMetricData has 50
	cloudTrailQuota = 2  // LookupEvents
)

// Config is a whole configuration, with every default filled in. The functions
// of this package only ever return a valid one.
type Config struct {
	Regions        Regions        `yaml:"regions"`  // of the accounts that list none
	Accounts       []Account      `yaml:"accounts"` // none, and no organization: the ambient credentials' own
	Organization   Organization   `yaml:"organization"`
	Interval       model.Duration `yaml:"interval"`
	IdleInterval   model.Duration `yaml:"idle_interval"` // between two looks for user pools with regions: auto
	Timeout        model.Duration `yaml:"timeout"`       // of one pass over a target
	StaleAfter     model.Duration `yaml:"stale_after"`   // how long unconfirmed facts are shown
	ReadyAfter     model.Duration `yaml:"ready_after"`   // when it is ready although targets are still to be read
	DescribeMaxAge model.Duration `yaml:"describe_max_age"`
	RequestTimeout model.Duration `yaml:"request_timeout"` // of one HTTP attempt
	STSRegion      string         `yaml:"sts_region"`      // empty: the ambient region
	Tags           []string       `yaml:"tags"`            // see [Config.TagLabels]
	RequestBudgets RequestBudgets `yaml:"request_budgets"`
	Identities     Identities     `yaml:"identities"`
	DefaultQuota   DefaultQuota   `yaml:"default_quota"`
	CloudWatch     CloudWatch     `yaml:"cloudwatch"`
	CloudTrail     Source         `yaml:"cloudtrail"`
	PoolDetails    Source         `yaml:"pool_details"`
	SendStatistics Source         `yaml:"send_statistics"`
	Changes        Changes        `yaml:"changes"`
	Rules          Rules          `yaml:"rules"`
	Alerts         Alerts         `yaml:"alerts"`
	Prices         Prices         `yaml:"prices"`
}

// Prices are what AWS charges, for an estimate of the cost.
type Prices struct {
	CloudWatchMetrics float64 `yaml:"cloudwatch_metrics"` // USD for 1,000 metrics that GetMetricData is asked for
	Date              string  `yaml:"date"`               // when they were the prices, YYYY-MM or YYYY-MM-DD
}

// Alerts says what the alerts are given.
type Alerts struct {
	BlindRatio float64 `yaml:"blind_ratio"` // when more than this part of the accounts is unreadable, the exporter is blind
	Runbooks   string  `yaml:"runbooks"`    // the address below which a rule's id is its runbook; empty: the exporter's own pages
	Dashboards string  `yaml:"dashboards"`  // the address of Grafana; empty: no links to dashboards
}

// Rules says which rules judge the pools.
type Rules struct {
	Files     []string                  `yaml:"files"` // paths or patterns, from the configuration file's directory
	Builtin   bool                      `yaml:"builtin"`
	Overrides map[string]rules.Override `yaml:"overrides"` // by the rule's id; package rules checks them
}

// Account is an AWS account to read.
type Account struct {
	ID         string  `yaml:"id"` // 12 digits
	Name       string  `yaml:"name,omitempty"`
	RoleARN    string  `yaml:"role_arn,omitempty"` // empty: the ambient credentials
	ExternalID Secret  `yaml:"external_id,omitempty"`
	Regions    Regions `yaml:"regions,omitempty"` // empty: those of the [Config]
}

// RequestBudgets are the requests per second that each account and region may
// be asked at most.
type RequestBudgets struct {
	Cognito float64 `yaml:"cognito-idp"`
	SES     float64 `yaml:"ses"` // for each operation

	CloudWatch float64 `yaml:"cloudwatch"`
	CloudTrail float64 `yaml:"cloudtrail"`
}

// DefaultQuota is the limit of Cognito's built-in sender.
type DefaultQuota struct {
	Limit int             `yaml:"limit"` // e-mails a day
	Scope inventory.Scope `yaml:"scope"`
	Reset TimeOfDay       `yaml:"reset"` // in UTC, when the day begins
}

// Source is a source of facts that can be switched off.
type Source struct {
	Enabled bool `yaml:"enabled"`
}

// Changes says which changes of the configuration are told of.
type Changes struct {
	Enabled    bool           `yaml:"enabled"`
	CloudTrail bool           `yaml:"cloudtrail"` // asks for who made them, and for those before the start; as [Config.CloudTrail], if not set
	History    model.Duration `yaml:"history"`    // how long they are remembered
}

// ChangeHistory returns how long changes are remembered, 0 when they are not.
func (c *Config) ChangeHistory() time.Duration {
	if !c.Changes.Enabled {
		return 0
	}
	return time.Duration(c.Changes.History)
}

// CloudWatch is the source of sign-ups and of the reputation of SES accounts.
type CloudWatch struct {
	Enabled      bool           `yaml:"enabled"`
	ListInterval model.Duration `yaml:"list_interval"` // of metrics, in a region without sign-ups
}

// Policy returns the default quota as pools are judged by it: not at all,
// without a source that says how much is used.
func (c *Config) Policy() inventory.Policy {
	return inventory.Policy{
		Enabled: c.CloudWatch.Enabled || c.CloudTrail.Enabled, Limit: float64(c.DefaultQuota.Limit),
		Scope: c.DefaultQuota.Scope, Reset: c.DefaultQuota.Reset.SinceMidnight(),
	}
}

// Identities says which SES identities get series of their own.
type Identities struct {
	Show    Show     `yaml:"show"`
	Include []Regexp `yaml:"include"`
	Exclude []Regexp `yaml:"exclude"`
	Max     int      `yaml:"max"` // for each account and region

	ListInterval  model.Duration `yaml:"list_interval"`   // between two lists of an account's identities
	DetailsMaxAge model.Duration `yaml:"details_max_age"` // of identities that pools use, and of configuration sets
}

// Show is a set of identities.
type Show string

// The sets of identities.
const (
	ShowUsed Show = "used" // those that user pools send through
	ShowAll  Show = "all"
)

// Matches reports whether the patterns let the identity pass: it fits one of
// those to include, if there are any, and none of those to exclude.
func (i Identities) Matches(name string) bool {
	fits := func(r Regexp) bool { return r.MatchString(name) }
	return (len(i.Include) == 0 || slices.ContainsFunc(i.Include, fits)) && !slices.ContainsFunc(i.Exclude, fits)
}

// defaults returns the values of keys that the file does not have, but for
// those that [Config.derive] takes from other keys.
func defaults() *Config {
	return &Config{
		Organization:   Organization{RefreshInterval: model.Duration(time.Hour)},
		Interval:       model.Duration(5 * time.Minute),
		RequestBudgets: RequestBudgets{Cognito: 5, SES: 0.33, CloudWatch: 8, CloudTrail: 0.66}, // A third of AWS's quotas.
		Identities:     Identities{Show: ShowUsed, Max: 1000},
		DefaultQuota:   DefaultQuota{Limit: 50, Scope: inventory.ScopeAccountRegion, Reset: "09:00"},
		CloudWatch:     CloudWatch{Enabled: true},
		PoolDetails:    Source{Enabled: true},
		SendStatistics: Source{Enabled: true},
		Changes:        Changes{Enabled: true, History: model.Duration(7 * 24 * time.Hour)},
		ReadyAfter:     model.Duration(time.Minute),
		Rules:          Rules{Builtin: true},
		Alerts:         Alerts{BlindRatio: 0.5},
		Prices:         Prices{CloudWatchMetrics: 0.01, Date: "2026-11"},
	}
}

// derive fills in the defaults that depend on other values, for the keys that
// are not set, so that changing one key never makes another's default wrong.
func (c *Config) derive(set func(key any) bool) {
	if !set(&c.Timeout) {
		c.Timeout = c.Interval
	}
	if !set(&c.IdleInterval) {
		c.IdleInterval = max(c.Interval, model.Duration(24*time.Hour))
	}
	if !set(&c.StaleAfter) {
		c.StaleAfter = 3 * c.Interval
	}
	if !set(&c.Identities.ListInterval) {
		c.Identities.ListInterval = min(6*c.Interval, maxDuration)
	}
	if !set(&c.Identities.DetailsMaxAge) {
		c.Identities.DetailsMaxAge = max(c.Interval, model.Duration(2*time.Hour))
	}
	if !set(&c.CloudWatch.ListInterval) {
		c.CloudWatch.ListInterval = min(3*c.Interval, maxDuration)
	}
	if !set(&c.DescribeMaxAge) {
		c.DescribeMaxAge = max(c.Interval, model.Duration(6*time.Hour))
	}
	if !set(&c.Changes.CloudTrail) {
		c.Changes.CloudTrail = c.CloudTrail.Enabled
	}
	if !set(&c.RequestTimeout) {
		c.RequestTimeout = min(c.Timeout, model.Duration(15*time.Second))
	}
}

// Default returns the configuration of an empty file: the ambient credentials'
// own account in the ambient region.
func Default() *Config {
	c := defaults()
	c.derive(func(any) bool { return false })
	return c
}

// format is that of a configuration file.
var format = yamlfile.Format{Name: "configuration file", Minimal: "regions: [eu-west-1]", Aliases: true, Nulls: true}

// Invalid is the error of a configuration that has mistakes. It lists every
// one, each on a line of its own that begins with file, line and column.
type Invalid struct {
	error
	Rules Rules // as far as they could be read, so that the rule files can be checked as well
}

// Load reads the file at path. Its error is an [*Invalid], unless the file
// cannot be read at all.
func Load(path string) (*Config, error) {
	data, err := yamlfile.Read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Parse is [Load] for a file's content; name stands for its path in errors.
func Parse(name string, data []byte) (*Config, error) {
	var p yamlfile.Problems
	d := decoder{Problems: &p, node: map[any]*yamlfile.Node{}, broken: map[any]struct{}{}}
	c := defaults()
	if root := yamlfile.Parse(&p, format, name, data); root != nil {
		d.value(root, reflect.ValueOf(c).Elem(), "the file")
		c.derive(d.set)
		d.check(c)
	}
	if err := p.Err(); err != nil {
		c.Rules.Files = slices.DeleteFunc(c.Rules.Files, func(path string) bool { return path == "" }) // Those are mistakes.
		return nil, &Invalid{err, c.Rules}
	}
	return c, nil
}

// Redacted returns the configuration as YAML, defaults filled in and secrets
// hidden.
func (c *Config) Redacted() string { return yamlfile.Marshal(c) }

// Listed returns the accounts that the file lists, with their regions. Where it
// lists none and has no organization, it is one whose ID is empty; without
// regions as well, its one region is empty: that of the ambient configuration.
func (c *Config) Listed() []Account {
	accounts := slices.Clone(c.Accounts)
	if len(accounts) == 0 && !c.Organization.Enabled() {
		accounts = []Account{{}}
	}
	for i := range accounts {
		a := &accounts[i]
		if a.Regions = c.regions(a); len(a.Regions) == 0 {
			a.Regions = Regions{""}
		}
	}
	return accounts
}

// regions returns the regions in which the account is read.
func (c *Config) regions(a *Account) Regions {
	if len(a.Regions) > 0 {
		return a.Regions
	}
	return c.Regions
}

// TagLabel is a tag and the label that shows it.
type TagLabel struct {
	Tag   string // as AWS has it, for example cost-center
	Label string // for example tag_cost_center
}

// TagLabels returns the tags that become labels, in the order of the file.
func (c *Config) TagLabels() []TagLabel { return tagLabels(c.Tags) }

func tagLabels(tags []string) []TagLabel {
	labels := make([]TagLabel, 0, len(tags))
	for _, tag := range tags {
		labels = append(labels, TagLabel{Tag: tag, Label: tagLabel(tag)})
	}
	return labels
}

// tagLabel turns a tag's name into a label's, of the letters [a-z0-9_] only.
func tagLabel(tag string) string {
	return "tag_" + strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '_'
		}
	}, tag)
}
