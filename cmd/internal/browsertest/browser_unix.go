//go:build unix

package browsertest

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long the browser may take for anything.
const patience = time.Minute

// Browser is a browser that runs, without a window.
type Browser struct {
	to *os.File

	mu      sync.Mutex
	next    int
	waiting map[int]chan reply
	pages   map[string]*Page // by session
	over    bool
}

// reply is what the browser has answered to a call.
type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

var errBrowserOver = errors.New("the browser has ended")

// Start starts a browser, which ends with the test. It finds no host but this one, and evil.example,
// which is this one too; and keeps none of its own rules about addresses of this host, so that
// those of what is tested count alone.
func Start(t testing.TB, program string) *Browser {
	t.Helper()
	profile, err := os.MkdirTemp("", "browser")
	if err != nil {
		t.Fatal(err)
	}
	theirs, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, answers, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+profile,
		"--host-resolver-rules=MAP evil.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
		"--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests", "--remote-debugging-pipe", "about:blank")
	c.ExtraFiles = []*os.File{theirs, answers}          // file descriptors 3 and 4, where it looks for them
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it has many processes
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	answers.Close()
	b := &Browser{to: to, waiting: make(map[int]chan reply), pages: make(map[string]*Page)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b.read(from)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
		<-read // its processes have all ended then
		to.Close()
		from.Close()
		os.RemoveAll(profile)
	})
	return b
}

// read reads what the browser says until it ends. Messages end in a zero.
func (b *Browser) read(from *os.File) {
	in := bufio.NewReader(from)
	for {
		text, err := in.ReadBytes(0)
		if err != nil {
			break
		}
		var m struct {
			ID        int
			SessionID string
			Method    string
			Params    json.RawMessage
			reply
		}
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		if done := b.waiting[m.ID]; done != nil {
			delete(b.waiting, m.ID)
			done <- m.reply
		} else if p := b.pages[m.SessionID]; p != nil {
			p.heard(m.Method, m.Params)
		}
		b.mu.Unlock()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	for _, done := range b.waiting {
		done <- reply{Error: &struct{ Message string }{errBrowserOver.Error()}}
	}
}

// call calls a method of the DevTools protocol.
func (b *Browser) call(ctx context.Context, session, method string, params, result any) error {
	done := make(chan reply, 1)
	b.mu.Lock()
	b.next++
	id := b.next
	b.waiting[id] = done
	over := b.over
	b.mu.Unlock()
	if over {
		return errBrowserOver
	}
	message := map[string]any{"id": id, "method": method, "params": params}
	if session != "" {
		message["sessionId"] = session
	}
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		return err
	}
	select {
	case r := <-done:
		if r.Error != nil {
			return fmt.Errorf("%s: %s", method, r.Error.Message)
		}
		if result != nil {
			return json.Unmarshal(r.Result, result)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// Page is a page in the browser.
type Page struct {
	t       testing.TB
	browser *Browser
	session string

	complaints []string // guarded by the browser's lock
}

// none is a method without parameters.
type none struct{}

// Open opens a page, which need not have loaded when Open returns.
func (b *Browser) Open(t testing.TB, url string) *Page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var target struct{ TargetID string }
	if err := b.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		t.Fatal(err)
	}
	var attached struct{ SessionID string }
	if err := b.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached); err != nil {
		t.Fatal(err)
	}
	p := &Page{t: t, browser: b, session: attached.SessionID}
	b.mu.Lock()
	b.pages[p.session] = p
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log", "Audits"} {
		p.Call(domain+".enable", none{}, nil)
	}
	p.Call("Page.navigate", map[string]any{"url": url}, nil)
	return p
}

// Call calls a method of the DevTools protocol for the page.
func (p *Page) Call(method string, params, result any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := p.browser.call(ctx, p.session, method, params, result); err != nil {
		p.t.Fatal(err)
	}
}

// heard takes an event. The browser's lock is held.
func (p *Page) heard(method string, params json.RawMessage) {
	switch method {
	case "Runtime.exceptionThrown", "Audits.issueAdded":
	case "Runtime.consoleAPICalled":
		var called struct{ Type string }
		if json.Unmarshal(params, &called) == nil && called.Type != "error" && called.Type != "warning" && called.Type != "assert" {
			return
		}
	case "Log.entryAdded":
		var logged struct{ Entry struct{ Level string } }
		if json.Unmarshal(params, &logged) == nil && logged.Entry.Level != "error" && logged.Entry.Level != "warning" {
			return
		}
	default:
		return
	}
	p.complaints = append(p.complaints, method+" "+string(params))
}

// Complaints returns what the browser has complained of since the last call: errors and warnings
// of the console, exceptions, and what its audits find, as violations of a policy.
func (p *Page) Complaints() []string {
	p.browser.mu.Lock()
	defer p.browser.mu.Unlock()
	found := p.complaints
	p.complaints = nil
	return found
}

// Eval evaluates JavaScript, which may be a promise, and reads its value.
func (p *Page) Eval(script string, value any) {
	p.t.Helper()
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	p.Call("Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true}, &got)
	if got.ExceptionDetails != nil {
		p.t.Fatalf("%s: %s %s", script, got.ExceptionDetails.Text, got.ExceptionDetails.Exception.Description)
	}
	if value != nil && len(got.Result.Value) > 0 {
		if err := json.Unmarshal(got.Result.Value, value); err != nil {
			p.t.Fatalf("%s: %v", script, err)
		}
	}
}

// Await waits until an expression is true, and says what was waited for if it does not become so.
func (p *Page) Await(what, script string) {
	p.t.Helper()
	// It is asked again after each frame and each answer that the page gets: by its own clock.
	var became bool
	p.Eval(fmt.Sprintf(`(async () => {
		for (const end = performance.now() + %d; performance.now() < end; await new Promise(done => setTimeout(done, 50)))
			try { if (%s) return true } catch (e) {}
		return false
	})()`, (patience/2).Milliseconds(), script), &became)
	if !became {
		var text string
		p.Eval("document.body.innerText.slice(0, 2000)", &text)
		p.t.Fatalf("not seen within %v: %s; the page says\n%s", patience/2, what, text)
	}
}

// Look has the page be so wide and high, in CSS pixels, and light or dark.
func (p *Page) Look(width, height int, scheme string) {
	p.t.Helper()
	p.Call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false}, nil)
	p.Call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// Key presses a key, as "Tab" or "Enter", and lets it go.
func (p *Page) Key(key string) {
	p.t.Helper()
	codes := map[string]int{"Tab": 9, "Enter": 13}
	text := strings.TrimPrefix(map[string]string{"Enter": "\r"}[key], " ")
	for _, kind := range []string{"keyDown", "keyUp"} {
		p.Call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": codes[key], "text": text}, nil)
	}
}

// Screenshot returns the whole page as a PNG.
func (p *Page) Screenshot() []byte {
	p.t.Helper()
	var got struct{ Data string }
	p.Call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &got)
	b, err := base64.StdEncoding.DecodeString(got.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}
