package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/collector"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awsread"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/config"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/fleet"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// configure makes the reader and the fleet, unless they are there, and returns
// what is to be collected by the settings. The fleet has them then.
func (a *app) configure(ctx context.Context, s *settings) (collector.Plan, error) {
	if a.reader == nil {
		reader, err := awsread.New(ctx, a.readerOptions(s.config, nil))
		if err != nil {
			return collector.Plan{}, err
		}
		a.reader = reader
		a.fleet = fleet.New(fleet.Options{Source: reader, Logger: a.logger, Changed: a.follow})
	}
	wanted, err := fleetConfig(s, a.reader.Region())
	if err != nil {
		return collector.Plan{}, err
	}
	a.fleet.Configure(wanted)
	return a.plan(s), nil
}

// find asks for all accounts and regions once, after configure, and returns what
// is to be collected then.
func (a *app) find(ctx context.Context, s *settings) (collector.Plan, error) {
	a.config.Store(s.config)
	a.announce(s.config)
	err := a.fleet.Once(ctx)
	return a.plan(s), err
}

// announce has the reader know the accounts of the present view, which the
// fleet may then ask for.
func (a *app) announce(c *config.Config) {
	a.reader.Update(a.readerOptions(c, a.fleet.View().Discovered))
	a.fleet.Announced()
}

// follow takes over what the fleet has found.
func (a *app) follow() {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	c, view := a.config.Load(), a.fleet.View()
	a.reader.Update(a.readerOptions(c, view.Discovered))
	if a.collector != nil { // Else it is check, which asks for the plan when all is found.
		if err := a.collector.Retarget(view.Targets, fleetOf(c, view)); err != nil {
			a.logger.Error("What was found of accounts and regions cannot be used; what was known stays", "err", err)
			return
		}
	}
	a.fleet.Announced()
}

// fleetConfig says which accounts and regions the settings want.
func fleetConfig(s *settings, ambient string) (fleet.Config, error) {
	c := s.config
	wanted := fleet.Config{Shard: s.shard, Region: ambient, IdleInterval: time.Duration(c.IdleInterval)}
	for _, listed := range c.Listed() {
		a := fleet.Account{ID: listed.ID, Name: listed.Name, Role: listed.RoleARN, Regions: regions(listed.Regions)}
		if slices.Contains(a.Regions.Listed, "") {
			if ambient == "" {
				return fleet.Config{}, errors.New("no region: set AWS_REGION, or list regions in the file that --config.file names")
			}
			if p := inventory.Partition(ambient); !inventory.HasPools(p) {
				return fleet.Config{}, fmt.Errorf("region %s is in partition %s, which has no Cognito user pools", ambient, p)
			}
			a.Regions.Listed = []string{ambient}
		}
		wanted.Accounts = append(wanted.Accounts, a)
	}
	if o := &c.Organization; o.Enabled() {
		partition := inventory.Partition(ambient)
		if o.RoleARN != "" {
			partition = fleet.Partition(o.RoleARN)
		}
		wanted.Organization = &fleet.Organization{
			Partition: partition, MemberRole: o.MemberRoleName, Regions: regions(c.Regions), Refresh: time.Duration(o.RefreshInterval),
			Include: filter(&o.Include), Exclude: filter(&o.Exclude), Units: o.OUs, Tags: o.Tags,
		}
	}
	return wanted, nil
}

func regions(r config.Regions) fleet.Regions {
	if found, auto := r.Found(); found {
		return fleet.Regions{Auto: auto}
	}
	return fleet.Regions{Listed: r}
}

func filter(f *config.AccountFilter) fleet.Filter {
	all := fleet.Filter{IDs: f.IDs, Units: f.OUs, Tags: f.Tags}
	if len(f.Names) > 0 {
		all.Names = f.MatchesName
	}
	return all
}

// fleetOf is what the collector is to know of the accounts.
func fleetOf(c *config.Config, v *fleet.View) collector.Fleet {
	return collector.Fleet{
		Members: v.Members, Shard: collector.Shard(v.Shard), All: v.All, Tags: tagLabels(c.Organization.TagLabels()), Pending: v.Pending, Organization: v.Organization, UnknownRegions: v.UnknownRegions,
	}
}

func tagLabels(tags []config.TagLabel) []collector.TagLabel {
	labels := make([]collector.TagLabel, 0, len(tags))
	for _, t := range tags {
		labels = append(labels, collector.TagLabel(t))
	}
	return labels
}
