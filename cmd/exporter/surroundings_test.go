package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/awssim"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/propose"
)

// until asks again and again whether something has come to be so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// sample returns the value of a metric without labels, empty without it.
func sample(metrics, name string) string {
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(metrics)
	if m == nil {
		return ""
	}
	return m[1]
}

// TestSurroundings runs the exporter as a process with 64 files, 64 MiB for Go,
// one processor, no home and no place for temporary files. Its output has nobody
// who reads it, and its configuration becomes everything that is no configuration.
// It goes on with what it had, says so, and ends when it is told to.
func TestSurroundings(t *testing.T) {
	fleet, err := awssim.Generate(awssim.GenerateOptions{Accounts: 1, Regions: []string{"eu-west-1"}, Pools: 20, Seed: 1, Mix: "mixed"})
	if err != nil {
		t.Fatal(err)
	}
	sim, err := awssim.New(awssim.Options{Fleet: fleet, NoQuotas: true, NoDelays: true})
	if err != nil {
		t.Fatal(err)
	}
	aws := httptest.NewServer(sim)
	t.Cleanup(aws.Close)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	port, err := freePort(t.Context())
	must(err)
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	must(os.Symlink(self, at("exporter"))) // The name has testscript run main.
	must(os.WriteFile(at("one.yaml"), []byte("interval: 1h\nrules: {builtin: false}\n"), 0o600))
	must(os.WriteFile(at("two.yaml"), []byte("interval: 2h\nrules: {builtin: false}\n"), 0o600))
	must(os.WriteFile(at("empty"), nil, 0o600))
	must(os.WriteFile(at("large"), bytes.Repeat([]byte("# more\n"), 1<<18), 0o600))
	must(os.Mkdir(at("directory"), 0o700))
	must(syscall.Mkfifo(at("pipe"), 0o600))
	point := func(to string) { // As Kubernetes swaps a ConfigMap.
		t.Helper()
		must(os.Symlink(to, at("next")))
		must(os.Rename(at("next"), at("config.yaml")))
	}
	point(at("one.yaml"))

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `ulimit -n 64; exec "$0" "$@"`, at("exporter"), "--config.file="+at("config.yaml"), fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port))
	cmd.Env = []string{
		"AWS_ENDPOINT_URL=" + aws.URL, "AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=eu-west-1",
		"GOMEMLIMIT=64MiB", "GOMAXPROCS=1", "HOME=/nonexistent", "TMPDIR=/nonexistent", "PATH=/nonexistent",
	}
	reader, writer, err := os.Pipe()
	must(err)
	cmd.Stdout, cmd.Stderr = writer, writer
	must(cmd.Start())
	must(writer.Close())
	said := make([]byte, 1)
	_, err = io.ReadFull(reader, said)
	must(err)
	must(reader.Close()) // From now on a write to it is a SIGPIPE.

	metrics := func() string {
		_, body, err := request(http.MethodGet, address+"/metrics")
		if err != nil {
			return ""
		}
		return body
	}
	until(t, "the pools are not read", func() bool { return sample(metrics(), "cognito_ses_exporter_pools") == "20" })
	last := ""
	reload := func(to, ok string) {
		t.Helper()
		point(to)
		must(cmd.Process.Signal(syscall.SIGHUP))
		until(t, "after "+to+" the reload is not "+ok, func() bool {
			body := metrics()
			if sample(body, "cognito_ses_exporter_pools") != "20" {
				t.Fatalf("after %s, the pools are gone", to)
			}
			return sample(body, "cognito_ses_exporter_config_last_reload_successful") == ok
		})
		at := sample(metrics(), "cognito_ses_exporter_config_last_reload_success_timestamp_seconds")
		if at == "" || ok == "1" && at == last {
			t.Errorf("after %s: the last success was at %q, before at %q", to, at, last)
		}
		last = at
	}
	for _, to := range []string{at("pipe"), "/dev/zero", at("directory"), at("empty"), at("large"), at("none")} {
		reload(to, "0")
		reload(at("two.yaml"), "1")
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	must(err)
	if m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status); m != nil {
		if kb, err := strconv.Atoi(string(m[1])); err != nil || kb > 200_000 {
			t.Errorf("it took %s kB of memory", m[1])
		}
	}
	point(at("pipe"))
	must(cmd.Process.Signal(syscall.SIGHUP))
	began := time.Now()
	must(cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); err != nil || time.Since(began) > shutdownTimeout+2*time.Second {
		t.Errorf("%v after %s, want exit code 0", err, time.Since(began))
	}
}

// TestFilesThatNeverEnd has the files of others than the exporter's own be pipes
// that nobody writes to.
func TestFilesThatNeverEnd(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // Whoever still waits for it is let go.
		if f, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			_ = f.Close()
		}
	})
	t.Run("AWS credentials", func(t *testing.T) {
		t.Setenv("AWS_SHARED_CREDENTIALS_FILE", pipe)
		t.Setenv("AWS_REGION", "eu-west-1")
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		var out, errs bytes.Buffer
		if code := run(ctx, []string{"--web.listen-address=127.0.0.1:0"}, &out, &errs, nil); code != exitOK {
			t.Errorf("exit code %d: %s", code, errs.String())
		}
	})
	t.Run("web config", func(t *testing.T) {
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"--demo", "--web.config.file=" + pipe, "--web.listen-address=127.0.0.1:0"}, &out, &errs, nil)
		if code != exitFailure || !strings.Contains(errs.String(), "--web.config.file: "+pipe+": the file cannot be read: it must be a regular file, not a named pipe") {
			t.Errorf("exit code %d: %s", code, errs.String())
		}
	})
	t.Run("plan", func(t *testing.T) {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		before := os.Stdin
		os.Stdin = reader
		late := time.AfterFunc(20*time.Second, func() {
			t.Error("check waits for its standard input although it is told to end")
			_ = writer.Close()
		})
		defer func() {
			late.Stop()
			os.Stdin = before
			_ = writer.Close()
		}()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var out, errs bytes.Buffer
		if code := run(ctx, []string{"check", "--plan=-", "--plan-offline"}, &out, &errs, nil); code != exitUnjudged || !strings.Contains(errs.String(), context.Canceled.Error()) {
			t.Errorf("exit code %d: %s", code, errs.String())
		}
	})
	t.Run("proposal", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Symlink(pipe, filepath.Join(dir, propose.FileBefore)); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"propose", "--demo", "--verify=" + dir}, &out, &errs, nil)
		if code != exitUsage || !strings.Contains(errs.String(), "it must be a regular file, not a named pipe") {
			t.Errorf("exit code %d: %s", code, errs.String())
		}
	})
}

// TestUnlessDone checks that what never ends is not waited for.
func TestUnlessDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	want := errors.New("failed")
	if err := unlessDone(ctx, func() error { return want }); !errors.Is(err, want) {
		t.Errorf("%v", err)
	}
	never := make(chan struct{})
	defer close(never)
	cancel()
	if err := unlessDone(ctx, func() error { <-never; return want }); err != nil {
		t.Errorf("%v", err)
	}
}
