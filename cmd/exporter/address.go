package main

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// addresses are where the exporter is reached. The paths are empty or begin
// with a slash and end without one.
type addresses struct {
	external string // as others reach it, path included
	links    string // the path of external, which links on pages begin with
	routes   string // the path of everything that is served
}

var prefixPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`)

// parseAddresses reads --web.external-url and --web.route-prefix. By default the
// exporter is reached by the name of the host and the port that it listens on,
// and serves below the path of the external URL.
func parseAddresses(external, prefix, listen string) (a addresses, err error) {
	if external == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "localhost"
		}
		if _, port, err := net.SplitHostPort(listen); err == nil {
			host = net.JoinHostPort(host, port)
		}
		external = "http://" + host
	}
	u, err := url.Parse(external)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return a, fmt.Errorf("--web.external-url must be an address such as https://example.com/path, without query and fragment, not %q", external)
	}
	a.links = strings.TrimRight(u.Path, "/")
	a.routes = strings.TrimRight(cmp.Or(prefix, a.links), "/")
	for _, of := range []struct{ flag, path string }{{"external-url", a.links}, {"route-prefix", a.routes}} {
		if !prefixPath.MatchString(of.path) {
			return a, fmt.Errorf("the path of --web.%s must consist of letters, digits and -._~/, not %q", of.flag, of.path)
		}
	}
	a.external = u.Scheme + "://" + u.Host + a.links
	return a, nil
}
