//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const alertFiles = "../rules/prometheus/*.yaml"

// The exporter reads what the demo does, as often as it may. Its day of the
// default quota began twelve hours ago, so that none ends during the test.
const exporterConfig = `
regions: [eu-west-1, eu-central-1, us-east-1]
accounts:
  - {id: "100000000001", name: production}
  - {id: "100000000002", name: staging, role_arn: "arn:aws:iam::100000000002:role/cognito-ses-exporter", external_id: demo}
  - {id: "100000000003", name: sandbox, role_arn: "arn:aws:iam::100000000003:role/cognito-ses-exporter", external_id: demo}
interval: 10s
stale_after: 1h
tags: [env, team]
cloudtrail: {enabled: true}
changes: {cloudtrail: false}
request_budgets: {cognito-idp: 15, ses: 1, cloudwatch: 25, cloudtrail: 2}
default_quota: {reset: "%s"}
`

const prometheusConfig = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["rules-*.yaml"]
alerting: {alertmanagers: [{static_configs: [{targets: ["%[1]s"]}]}]}
scrape_configs:
  - {job_name: one, static_configs: [{targets: ["%[2]s"]}]}
  - {job_name: two, static_configs: [{targets: ["%[2]s"]}]}
`

const alertmanagerConfig = `
route: {receiver: test, group_by: ["..."], group_wait: 1s, group_interval: 1s}
receivers: [{name: test, webhook_configs: [{url: "WEBHOOK", send_resolved: true}]}]
`

// stack is everything that runs, each by its host and port.
type stack struct {
	dir                                  string
	sim, exporter, prometheus, alertmngr string
	hook                                 *webhook
	stop                                 context.CancelCauseFunc
	halt                                 func() // ends the exporter
}

// setup is what runs, and with which files.
type setup struct {
	fleet                              string        // empty for the demo's
	exporter, prometheus, alertmanager string        // configurations
	minute                             time.Duration // what a minute of the alerts' waiting is
}

// demo is the setup of the demo. The exporter is scraped twice, like two that
// read the same accounts.
func demo() setup {
	reset := time.Now().UTC().Add(12 * time.Hour).Truncate(time.Hour).Format("15:04")
	return setup{exporter: fmt.Sprintf(exporterConfig, reset), prometheus: prometheusConfig, alertmanager: alertmanagerConfig, minute: 200 * time.Millisecond}
}

// start runs everything until the test ends, and waits until it is ready. The
// context that it returns ends when something that runs does by itself.
func start(ctx context.Context, t *testing.T, with setup) (context.Context, *stack) {
	t.Helper()
	ctx, stop := context.WithCancelCause(ctx)
	s := &stack{stop: stop, dir: t.TempDir(), sim: address(t), exporter: address(t), prometheus: address(t), alertmngr: address(t), hook: listen(t)}
	// With a directory that exists, go build writes one binary for each command.
	build := exec.CommandContext(ctx, "go", "build", "-o", s.dir, "./cmd/exporter", "./internal/awssim/cmd/awssim")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("Building failed: %v\n%s", err, out)
	}
	s.copyAlerts(t, with.minute)
	s.write(t, "exporter.yaml", "%s", with.exporter)
	s.write(t, "prometheus.yml", with.prometheus, s.alertmngr, s.exporter)
	s.write(t, "alertmanager.yml", "%s", strings.ReplaceAll(with.alertmanager, "WEBHOOK", s.hook.url))

	sim := []string{"--listen=" + s.sim, "--no-quotas", "--no-delays"}
	if with.fleet != "" {
		s.write(t, "fleet.yaml", "%s", with.fleet)
		sim = append(sim, "--fleet=fleet.yaml")
	}
	s.run(ctx, t, filepath.Join(s.dir, "awssim"), nil, s.sim, "/_faults", sim...)
	s.halt = s.export(ctx, t)
	s.run(ctx, t, find(t, "prometheus-alertmanager", "alertmanager"), nil, s.alertmngr, "/-/ready",
		"--config.file=alertmanager.yml", "--storage.path=alertmanager", "--web.listen-address="+s.alertmngr, "--cluster.listen-address=")
	s.run(ctx, t, find(t, "prometheus"), nil, s.prometheus, "/-/ready",
		"--config.file=prometheus.yml", "--storage.tsdb.path=prometheus", "--web.listen-address="+s.prometheus)
	return ctx, s
}

// export runs the exporter.
func (s *stack) export(ctx context.Context, t *testing.T) (halt func()) {
	t.Helper()
	aws := []string{"AWS_ENDPOINT_URL=http://" + s.sim, "AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=eu-west-1"}
	return s.run(ctx, t, filepath.Join(s.dir, "exporter"), aws, s.exporter, "/-/ready",
		"--config.file=exporter.yaml", "--web.listen-address="+s.exporter, "--web.external-url=http://"+s.exporter, "--web.enable-lifecycle")
}

// copyAlerts copies the alerts that users get, with other minutes.
func (s *stack) copyAlerts(t *testing.T, minute time.Duration) {
	t.Helper()
	names, err := filepath.Glob(alertFiles)
	if err != nil {
		t.Fatal(err)
	}
	hold, found := regexp.MustCompile(`(?m)^(\s+(?:keep_firing_)?for:) (\d+)m$`), 0
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found += len(hold.FindAll(data, -1))
		s.write(t, "rules-"+filepath.Base(name), "%s", hold.ReplaceAllStringFunc(string(data), func(line string) string {
			m := hold.FindStringSubmatch(line)
			n, _ := strconv.Atoi(m[2]) // It has digits only.
			return fmt.Sprintf("%s %dms", m[1], (time.Duration(n) * minute).Milliseconds())
		}))
	}
	if found == 0 {
		t.Fatalf("%s: no alert has a line with for", alertFiles)
	}
}

func (s *stack) write(t *testing.T, name, format string, args ...any) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), fmt.Appendf(nil, format, args...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run starts a process that lives as long as the test, waits until the path
// answers, and shows what it wrote if the test fails.
func (s *stack) run(ctx context.Context, t *testing.T, program string, env []string, host, path string, args ...string) (halt func()) {
	t.Helper()
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var log bytes.Buffer
	cmd := exec.CommandContext(running, program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, append(os.Environ(), env...), &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second // Then it is killed.
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // How it ended is in its state.
		if running.Err() == nil {
			s.stop(fmt.Errorf("%s ended: %v", filepath.Base(program), cmd.ProcessState))
		}
	}()
	halt = func() {
		cancel()
		<-ended
	}
	t.Cleanup(func() {
		halt()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", filepath.Base(program), log.Bytes()[max(0, log.Len()-4000):])
		}
	})
	await(ctx, t, filepath.Base(program)+" is ready", func() error {
		return call(ctx, http.MethodGet, "http://"+host+path, nil, nil)
	})
	return halt
}

func find(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("There is no %s here", strings.Join(names, " or "))
	return ""
}

// address returns a port of 127.0.0.1 that nobody listens on, below those that
// the kernel gives to clients.
func address(t *testing.T) string {
	t.Helper()
	for range 100 {
		var config net.ListenConfig
		l, err := config.Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000)))
		if err == nil {
			defer func() { _ = l.Close() }() // It is for somebody else.
			return l.Addr().String()
		}
	}
	t.Fatal("No port is free")
	return ""
}

// await tries until there is no error, or the context ends the test.
func await(ctx context.Context, t *testing.T, what string, try func() error) {
	t.Helper()
	began := time.Now()
	for {
		err := try()
		if err == nil {
			t.Logf("%4.1f s: %s", time.Since(began).Seconds(), what)
			return
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("Waited in vain until %s: %v: %v", what, context.Cause(ctx), err)
		}
	}
}

// call makes a request, with in as its JSON if there is one, and reads the
// answer's JSON into out if that is one.
func call(ctx context.Context, method, url string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, &body)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // All of it is read.
	data, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %s: %s", method, url, response.Status, data)
	case out == nil:
		return nil
	default:
		return json.Unmarshal(data, out)
	}
}

// drive changes the simulated AWS.
func (s *stack) drive(ctx context.Context, t *testing.T, method, path string, in any) {
	t.Helper()
	if err := call(ctx, method, "http://"+s.sim+path, in, nil); err != nil {
		t.Fatal(err)
	}
}

// webhook is a receiver of Alertmanager's notifications.
type webhook struct {
	url string

	mu       sync.Mutex
	alerts   map[string]alert // as they were last heard of, by fingerprint
	messages []message
}

// message is a notification.
type message struct {
	path   string // of the receiver
	bytes  int
	Alerts []alert `json:"alerts"`
}

type alert struct {
	Status      string            `json:"status"` // firing or resolved
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Fingerprint string            `json:"fingerprint"`
}

func listen(t *testing.T) *webhook {
	t.Helper()
	w := &webhook{alerts: map[string]alert{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m := message{path: r.URL.Path}
		data, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(data, &m)
		}
		if err != nil {
			t.Errorf("A notification that cannot be read: %v", err)
		}
		m.bytes = len(data)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.messages = append(w.messages, m)
		for _, a := range m.Alerts {
			w.alerts[a.Fingerprint] = a
		}
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// await waits for an alert with the labels, and perhaps more, that is in the status.
func (w *webhook) await(ctx context.Context, t *testing.T, status string, labels map[string]string) {
	t.Helper()
	await(ctx, t, fmt.Sprintf("an alert with %v is %s at the webhook", labels, status), func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		heard := []string{}
		for _, a := range w.alerts {
			if matches(a.Labels, labels) && a.Status == status {
				return nil
			}
			heard = append(heard, fmt.Sprint(a.Status, a.Labels))
		}
		return fmt.Errorf("heard of\n%s", strings.Join(heard, "\n"))
	})
}

func matches(have, want map[string]string) bool {
	for name, value := range want {
		if have[name] != value {
			return false
		}
	}
	return true
}
