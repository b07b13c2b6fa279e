package stand

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	scrapeWithin = 5 * time.Minute // far beyond Prometheus's 10 s, so that a slow one is measured as well

	// LastSuccess has a series for each target and API as soon as it was read.
	LastSuccess = "cognito_ses_exporter_target_last_success_timestamp_seconds"
	// PassDuration has a series for each target.
	PassDuration = "cognito_ses_exporter_target_duration_seconds"
	// PoolInfo has a series for each pool.
	PoolInfo = "cognito_ses_pool_info"
	// prometheusAccepts is what Prometheus asks for.
	prometheusAccepts = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)

// Config is a configuration of the exporter. The first account of the fleet
// has the credentials of the environment; in the others a role is assumed.
type Config struct {
	Accounts []string
	Regions  []string
	Interval time.Duration
	Extra    string // further top-level keys, as YAML
	// Found has the accounts of the organization found, and their regions with
	// pools, by the defaults, which the other fields then do not change.
	Found bool
}

// YAML returns the configuration file. The request budgets are AWS's quotas, but
// the defaults for accounts that are found.
func (c Config) YAML(first string) string {
	if c.Found {
		return "regions: auto\norganization: {member_role_name: cognito-ses-exporter}\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "regions: [%s]\ninterval: %s\n", strings.Join(c.Regions, ", "), wholeSeconds(c.Interval))
	b.WriteString("request_budgets: {cognito-idp: 15, ses: 1, cloudwatch: 25, cloudtrail: 2}\ntags: [env, team]\n")
	b.WriteString(c.Extra)
	b.WriteString("\naccounts:\n")
	for _, id := range c.Accounts {
		fmt.Fprintf(&b, "  - id: %q\n", id)
		if id != first {
			fmt.Fprintf(&b, "    role_arn: arn:aws:iam::%s:role/cognito-ses-exporter\n", id)
		}
	}
	return b.String()
}

func wholeSeconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) + "s" }

// Write writes the configuration file for a fleet.
func (c Config) Write(path string, f Fleet) error {
	return os.WriteFile(path, []byte(c.YAML(f.Account(0))), 0o600)
}

// Environment is what the exporter needs to read the simulated AWS. Nothing of
// the machine's own AWS settings gets in, and it has the two cores that the
// figures are about.
func Environment(s *Sim) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.url, "AWS_ACCESS_KEY_ID=AKIABENCH", "AWS_SECRET_ACCESS_KEY=bench", "AWS_REGION=" + regions[0],
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "GOMAXPROCS=2",
	}
}

// Exporter is a running exporter.
type Exporter struct {
	*Process
	Config string // the path of its configuration file
	url    string
	client *http.Client
}

// StartExporter starts an exporter of the fleet on the simulated AWS, with flags
// besides those that it needs.
func StartExporter(ctx context.Context, dir, path string, s *Sim, f Fleet, c Config, flags ...string) (*Exporter, error) {
	address, err := FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "config-"+address[strings.LastIndexByte(address, ':')+1:]+".yaml")
	if err := c.Write(file, f); err != nil {
		return nil, err
	}
	flags = append([]string{"--config.file=" + file, "--web.listen-address=" + address, "--web.enable-lifecycle", "--log.level=warn"}, flags...)
	p, err := Start(ctx, dir, path, Environment(s), flags...)
	if err != nil {
		return nil, err
	}
	return &Exporter{p, file, "http://" + address, NewClient()}, nil
}

// NewClient returns a client that keeps its connections and leaves answers
// compressed, as a scraper's own.
func NewClient() *http.Client {
	return &http.Client{
		Timeout:   scrapeWithin,
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8},
	}
}

// Get is [Get] for a path of the exporter.
func (e *Exporter) Get(ctx context.Context, path string, to io.Writer) (size int64, err error) {
	return Get(ctx, e.client, e.url+path, to)
}

// Get requests a URL as Prometheus does, copies the body as it comes, normally
// in gzip, and returns its size in bytes.
func Get(ctx context.Context, client *http.Client, address string, to io.Writer) (size int64, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Accept", prometheusAccepts)
	r.Header.Set("Accept-Encoding", "gzip")
	a, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = a.Body.Close() }()
	size, err = io.Copy(to, a.Body)
	if err == nil && a.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", address, a.Status)
	}
	return size, err
}

// Metrics is the path of the metrics, all of them or those of some names.
func Metrics(names ...string) string {
	if len(names) == 0 {
		return "/metrics"
	}
	return "/metrics?" + url.Values{"name[]": names}.Encode()
}

// Series calls yield with each series that is served under the names, or all
// of them, and with the type of its family.
func (e *Exporter) Series(ctx context.Context, yield func(s Series, kind string), names ...string) error {
	r, w := io.Pipe()
	go func() {
		_, err := e.Get(ctx, Metrics(names...), w)
		w.CloseWithError(err) // It never fails.
	}()
	err := ReadSeries(r, yield)
	r.CloseWithError(err) // It never fails; it ends Get if the reading ended early.
	return err
}

// Series is one line of an exposition. Labels has the braces and is empty
// without labels; label values stay escaped.
type Series struct{ Name, Labels, Value string }

// Label returns the value of a label that contains no quotes, empty if there is
// no such label.
func (s Series) Label(name string) string {
	rest := "," + strings.Trim(s.Labels, "{}")
	_, rest, ok := strings.Cut(rest, ","+name+`="`)
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// Float returns the value.
func (s Series) Float() float64 {
	f, err := strconv.ParseFloat(s.Value, 64)
	if err != nil {
		return 0 // ReadSeries has checked it.
	}
	return f
}

// ReadSeries reads an exposition in gzip, as text or OpenMetrics. It has to be one
// gzip member and nothing behind it.
func ReadSeries(r io.Reader, yield func(s Series, kind string)) error {
	compressed := bufio.NewReader(r)
	z, err := gzip.NewReader(compressed)
	if err != nil {
		return fmt.Errorf("the metrics are not compressed: %w", err)
	}
	z.Multistream(false)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	kind := ""
	for lines.Scan() {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			_, kind, _ = strings.Cut(rest, " ")
			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		if i < 0 {
			return fmt.Errorf("not a series: %q", line)
		}
		s := Series{Name: line[:i], Value: line[i+1:]}
		if j := strings.IndexByte(s.Name, '{'); j >= 0 {
			s.Name, s.Labels = s.Name[:j], s.Name[j:]
		}
		if _, err := strconv.ParseFloat(s.Value, 64); err != nil {
			return fmt.Errorf("the value of a series is not a number: %q", line)
		}
		yield(s, kind)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if _, err := compressed.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one gzip member")
	}
	return nil
}

// Target names an account in a region.
type Target struct{ Account, Region string }

// ReadAll waits until at least one API of every target succeeded since a time:
// APIs may have schedules of their own. It returns, by target, the duration of
// the first pass that it saw.
func (e *Exporter) ReadAll(ctx context.Context, targets int, since time.Time) (map[Target]time.Duration, error) {
	passes := map[Target]time.Duration{}
	for {
		newest := map[Target]float64{}
		start := time.Now()
		err := e.Series(ctx, func(s Series, _ string) {
			t := Target{s.Label("account_id"), s.Label("region")}
			switch s.Name {
			case LastSuccess:
				newest[t] = max(newest[t], s.Float())
			case PassDuration:
				if _, ok := passes[t]; !ok {
					passes[t] = time.Duration(s.Float() * float64(time.Second))
				}
			}
		}, LastSuccess, PassDuration)
		read := 0
		for _, at := range newest {
			if at >= float64(since.UnixMilli())/1000 {
				read++
			}
		}
		if err == nil && read >= targets {
			return passes, nil
		}
		// These requests must not become the load.
		if err := e.Pause(ctx, max(time.Second, 10*time.Since(start))); err != nil {
			return nil, fmt.Errorf("%d of %d targets were read: %w", read, targets, err)
		}
	}
}
