package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"exporter": main, name: main})
}

// TestScript runs the program as a user would; each script in testdata says
// what is typed and what is seen.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			// Nothing of the machine's own AWS settings.
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			e.Setenv("AWS_CONFIG_FILE", e.WorkDir+"/none")
			e.Setenv("AWS_SHARED_CREDENTIALS_FILE", e.WorkDir+"/none")
			port, err := freePort(t.Context())
			e.Setenv("ADDRESS", "127.0.0.1:"+strconv.Itoa(port))
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"http": httpCommand, "signal": sendSignal,
		},
	})
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	addr, _ := l.Addr().(*net.TCPAddr)
	return addr.Port, nil
}

// httpCommand is "http METHOD STATUS URL [TEXT]": it asks until the status is
// the wanted one and the answer contains the text, for ten seconds, and writes
// the answer to the file "body".
func httpCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: http METHOD STATUS URL [text]")
	}
	want := strings.Join(args[3:], " ")
	var last string
	for range 100 {
		status, body, err := request(args[0], args[2])
		last = strconv.Itoa(status) + " " + body
		if err != nil {
			last = err.Error()
		}
		if err == nil && strconv.Itoa(status) == args[1] && strings.Contains(body, want) {
			ts.Check(os.WriteFile(ts.MkAbs("body"), []byte(body), 0o600))
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("%s %s: no %s with %q, but %s", args[0], args[2], args[1], want, last)
}

func request(method, url string) (int, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

// sendSignal sends HUP or TERM to the program in the background.
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(signals[args[0]]))
	}
}
