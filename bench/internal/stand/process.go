package stand

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	module     = "github.com/cognito-ses-exporter/cognito-ses-exporter"
	ticks      = 100 // of /proc/PID/stat in a second: USER_HZ, the same on all of Linux's usual platforms
	stopWithin = 15 * time.Second
)

// Binaries are the programs that take part.
type Binaries struct{ Exporter, Sim string }

// Build builds the simulated AWS into dir, and the exporter unless the path of
// one is given.
func Build(ctx context.Context, dir, exporter string) (Binaries, error) {
	b := Binaries{Exporter: exporter, Sim: filepath.Join(dir, "awssim")}
	build := func(out, pkg string) error {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", out, module+pkg)
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", module+pkg, err, text)
		}
		return nil
	}
	if err := build(b.Sim, "/internal/awssim/cmd/awssim"); err != nil {
		return b, err
	}
	if exporter != "" {
		_, err := os.Stat(exporter)
		return b, err
	}
	b.Exporter = filepath.Join(dir, "exporter")
	return b, build(b.Exporter, "/cmd/exporter")
}

// Process is a program that was started here. It ends with Stop, with the
// context that it was started with, or with this process.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  string        // file with its standard output and error
	done chan struct{} // closed when it has ended
}

// Start starts a program whose output goes to a file in dir. Its environment
// is env and PATH, so that no setting of the caller's changes the outcome.
func Start(ctx context.Context, dir, path string, env []string, args ...string) (*Process, error) {
	name := filepath.Base(path)
	file, err := os.CreateTemp(dir, name+"-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // The process has its own copy of the descriptor.
	p := &Process{name: name, log: file.Name(), done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, path, args...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Stdout, p.cmd.Stderr = file, file
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopWithin
	endWithParent(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // Whoever needs to know why it ended gets its log from Failed.
		close(p.done)
	}()
	return p, nil
}

// Stop ends the process and waits for its end. It may be called again.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // It may have ended already.
	select {
	case <-p.done:
	case <-time.After(stopWithin):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// Signal sends the process a signal.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.done }

// Log returns the end of what the process wrote.
func (p *Process) Log() string {
	const most = 4096
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-most):])
}

// Failed returns an error with the process's log if it has ended.
func (p *Process) Failed() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended: %v\n%s", p.name, p.cmd.ProcessState, p.Log())
	default:
		return nil
	}
}

// CPU returns the user and system time that the process has used, to 10 ms.
func (p *Process) CPU() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("the processor time of %s is read from /proc, which needs Linux and a running process: %w", p.name, err)
	}
	return parseCPU(string(data))
}

// parseCPU reads fields 14 and 15 of proc_pid_stat(5). The second field is the
// program's name in parentheses and may contain anything.
func parseCPU(stat string) (time.Duration, error) {
	const user, system = 14 - 3, 15 - 3 // after the name comes field 3
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= system {
		return 0, fmt.Errorf("unexpected /proc/PID/stat: %q", stat)
	}
	u, err1 := strconv.ParseInt(fields[user], 10, 64)
	s, err2 := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * time.Second / ticks, errors.Join(err1, err2)
}

// Memory is the resident memory of a process, in bytes.
type Memory struct{ Resident, Peak int64 }

// Memory returns the resident memory of the process, now and at its peak.
func (p *Process) Memory() (Memory, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return Memory{}, fmt.Errorf("the memory of %s is read from /proc, which needs Linux and a running process: %w", p.name, err)
	}
	return parseMemory(string(data))
}

func parseMemory(status string) (Memory, error) {
	var m Memory
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(line, ":")
		into := map[string]*int64{"VmRSS": &m.Resident, "VmHWM": &m.Peak}[key]
		if into == nil {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return Memory{}, fmt.Errorf("unexpected /proc/PID/status: %w", err)
		}
		*into = kilobytes << 10
	}
	if m.Resident == 0 || m.Peak == 0 {
		return Memory{}, errors.New("no VmRSS or no VmHWM in /proc/PID/status")
	}
	return m, nil
}

// ExitCode returns the exit code of a process that has ended.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// FreeAddress returns an address of the loopback that nobody listens on.
func FreeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Pause waits; an error means that ctx or the process ended first.
func (p *Process) Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.done:
		return p.Failed()
	case <-ctx.Done():
		return ctx.Err()
	}
}
