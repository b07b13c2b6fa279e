package config

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

const (
	minInterval = model.Duration(10 * time.Second)
	maxDuration = model.Duration(365 * 24 * time.Hour)
	maxTags     = 20
)

var (
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	roleARN    = regexp.MustCompile(`^arn:([a-z-]+):iam::([0-9]{12}):role/(?:[!-~]+/)?[\w+=,.@-]{1,64}$`)
	externalID = regexp.MustCompile(`^[\w+=,.@:/-]{2,1224}$`)
	tagName    = regexp.MustCompile(`^[\p{L}\p{N}\p{Z}_.:/=+\-@]{1,128}$`)
)

// check looks for everything that is wrong with a decoded configuration.
func (d *decoder) check(c *Config) {
	d.checkDurations(c)
	regionsSound := d.checkRegions(c.Regions)
	accountsSound := d.checkAccounts(c)
	if c.STSRegion != "" {
		d.checkRegion(&c.STSRegion, "sts_region: ")
	}
	if regionsSound && accountsSound {
		d.checkPartitions(c)
	}
	d.checkTags(c.Tags)
	d.checkBudget(&c.RequestBudgets.Cognito, inventory.APICognito, cognitoQuota)
	d.checkBudget(&c.RequestBudgets.SES, inventory.APISES, sesQuota)
	if c.Identities.Show != ShowUsed && c.Identities.Show != ShowAll {
		d.fail(&c.Identities.Show, nil, "show must be %s or %s, not %s", ShowUsed, ShowAll, quote(string(c.Identities.Show)))
	}
	if p := &c.Identities.Max; *p < 1 && d.sound(p) {
		d.fail(p, nil, "max must be at least 1, not %d", *p)
	}
}

func (d *decoder) checkDurations(c *Config) {
	atLeast := func(key string, p *model.Duration, least model.Duration) {
	}
	_ = atLeast
}
