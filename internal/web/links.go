package web

import (
	"net/url"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/inventory"
)

// Links are the addresses that alerts lead to.
type Links struct {
	External   string // of the exporter's pages as others reach them, without a slash at the end
	Runbooks   string // below which a rule's ID is its runbook; empty for the exporter's own pages
	Dashboards string // of Grafana; empty without
}

// Page returns the address of the exporter's page of the cause, and of the first
// page without an account.
func (l Links) Page(account string, c inventory.Cause) string {
	k := inventory.Key{AccountID: account, Region: c.Region}
	switch {
	case c.Kind == inventory.CausePool:
		return l.External + poolPath(inventory.PoolKey{Key: k, ID: c.Name})
	case account == "":
		return l.External + "/"
	case c.Region == "":
		return l.External + "/?" + url.Values{"account": {account}}.Encode()
	case c.Kind == inventory.CauseIdentity:
		return l.External + identityPath(k, c.Name)
	default:
		return l.External + accountPath(k)
	}
}

// Dashboard returns the address of the dashboard of the cause; empty without.
func (l Links) Dashboard(account string, c inventory.Cause) string {
	if l.Dashboards == "" {
		return ""
	}
	page, q := "/d/cognito-ses-overview", url.Values{"var-account": {account}}
	if c.Region != "" {
		q.Set("var-region", c.Region)
	}
	if c.Kind == inventory.CausePool {
		page = "/d/cognito-ses-pool"
		q.Set("var-pool", c.Name)
	}
	return strings.TrimSuffix(l.Dashboards, "/") + page + "?" + q.Encode()
}

// Runbook returns the address of a runbook: of a rule, which may have an own
// one, or of the exporter.
func (l Links) Runbook(id, own string) string {
	switch {
	case isAddress(own):
		return own
	case l.Runbooks != "":
		return strings.TrimSuffix(l.Runbooks, "/") + "/" + url.PathEscape(id)
	default:
		return l.External + runbookPath(id)
	}
}

func runbookPath(id string) string { return pathTo("runbooks", id) }

// isAddress reports whether the text is the address of a page.
func isAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
