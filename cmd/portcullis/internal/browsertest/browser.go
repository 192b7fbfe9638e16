// Package browsertest drives a headless Chromium for tests of pages.
package browsertest

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browserPatience is the timeout for one answer of the browser. It is long because the
// machine may be busy.
const browserPatience = 2 * time.Minute

// Browser is a page in a headless Chromium, driven through its DevTools pipe: messages
// of JSON, each followed by a zero byte. These tests need no more; a client of the whole
// protocol would bring thousands of generated types.
type Browser struct {
	t       *testing.T
	send    *os.File
	receive *bufio.Reader
	answers *os.File // behind receive
	session string
	id      int
	events  []event // that tell of errors, and of requests
}

type event struct {
	Method string
	Params json.RawMessage
}

// New starts a browser, which ends with the test. Without a browser the test is
// skipped, unless PORTCULLIS_REQUIRE_CHROMIUM is 1.
func New(t *testing.T) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		require.NotEqual(t, "1", os.Getenv("PORTCULLIS_REQUIRE_CHROMIUM"), err)
		t.Skip("there is no chromium; PORTCULLIS_REQUIRE_CHROMIUM=1 makes that an error")
	}
	commands, send := pipe(t)
	receive, answers := pipe(t)
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{commands, answers} // the browser's 3 and 4
	require.NoError(t, cmd.Start())
	b := &Browser{t: t, send: send, receive: bufio.NewReader(receive), answers: receive}
	t.Cleanup(func() {
		b.session = ""
		b.Call("Browser.close", nil)
		_ = cmd.Wait() // however it ends, it has ended
	})
	commands.Close()
	answers.Close()
	target := b.Call("Target.createTarget", map[string]any{"url": "about:blank"})
	b.session = b.Call("Target.attachToTarget", map[string]any{"targetId": target["targetId"], "flatten": true})["sessionId"].(string)
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.Call(domain+".enable", nil)
	}
	b.Resize(1240, 700)
	return b
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// Call asks the browser for something and returns the answer.
func (b *Browser) Call(method string, params map[string]any) map[string]any {
	b.t.Helper()
	b.id++
	message := map[string]any{"id": b.id, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	require.NoError(b.t, b.answers.SetReadDeadline(time.Now().Add(browserPatience)))
	text, err := json.Marshal(message)
	if err == nil {
		_, err = b.send.Write(append(text, 0))
	}
	for err == nil {
		var line []byte
		if line, err = b.receive.ReadBytes(0); err != nil {
			break
		}
		var answer struct {
			event
			ID     int
			Result map[string]any
			Error  *struct{ Message string }
		}
		if err = json.Unmarshal(bytes.TrimSuffix(line, []byte{0}), &answer); err != nil {
			break
		}
		switch {
		case answer.ID != b.id:
			b.events = append(b.events, answer.event)
		case answer.Error != nil:
			require.Fail(b.t, method, answer.Error.Message)
		default:
			return answer.Result
		}
	}
	require.NoError(b.t, err, method)
	return nil
}

// Resize sets the size of the window in pixels.
func (b *Browser) Resize(width, height int) {
	b.Call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false})
}

// Open opens a file and returns after how many milliseconds the page was ready.
func (b *Browser) Open(path string) float64 {
	b.t.Helper()
	b.Call("Page.navigate", map[string]any{"url": "file://" + path})
	for until := time.Now().Add(browserPatience); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if ready, ok := b.Eval(`performance.getEntriesByName('ready')[0]?.startTime`).(float64); ok {
			return ready
		}
	}
	require.Fail(b.t, "the page is not ready", "%v", b.Complaints())
	return 0
}

// Eval returns the value of an expression of JavaScript.
func (b *Browser) Eval(expression string) any {
	b.t.Helper()
	answer := b.Call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true})
	require.NotContains(b.t, answer, "exceptionDetails", expression)
	return answer["result"].(map[string]any)["value"]
}

// Await waits until an expression is true.
func (b *Browser) Await(expression string) {
	b.t.Helper()
	for until := time.Now().Add(browserPatience); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if b.Eval("!!("+expression+")") == true {
			return
		}
	}
	require.Fail(b.t, "it does not come true: "+expression, "%v", b.Complaints())
}

// Text returns the text of the first element that a selector finds.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	text, _ := b.Eval(fmt.Sprintf(`document.querySelector(%q)?.innerText`, selector)).(string)
	return text
}

// Click clicks into the middle of an element, as a mouse does. It scrolls to it first.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	at, ok := b.Eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e?.scrollIntoView({block: 'nearest', inline: 'nearest'}); const r = e?.getBoundingClientRect(); return r && [r.x + r.width / 2, r.y + r.height / 2]; })()`, selector)).([]any)
	require.True(b.t, ok, "%s is not in the page", selector)
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.Call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1})
	}
}

// Write types text into the element that has the focus.
func (b *Browser) Write(text string) {
	b.t.Helper()
	b.Call("Input.insertText", map[string]any{"text": text})
}

// Press presses a key that writes nothing.
func (b *Browser) Press(key string) {
	b.t.Helper()
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		b.Call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": map[string]int{
			"Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}[key]})
	}
	if key == "Enter" {
		b.Call("Input.dispatchKeyEvent", map[string]any{"type": "char", "key": key, "text": "\r"})
	}
}

// Screenshot returns a picture of the page, as PNG.
func (b *Browser) Screenshot() []byte {
	b.t.Helper()
	png, err := base64.StdEncoding.DecodeString(b.Call("Page.captureScreenshot", map[string]any{"format": "png"})["data"].(string))
	require.NoError(b.t, err)
	return png
}

// Complaints returns the errors and warnings of the page, and each of its requests except
// for itself and other files.
func (b *Browser) Complaints() []string {
	b.t.Helper()
	b.Eval("1") // earlier messages arrive before the answer
	var list []string
	for _, e := range b.events {
		text := string(e.Params)
		switch e.Method {
		case "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Page.javascriptDialogOpening":
			list = append(list, e.Method+" "+text)
		case "Network.requestWillBeSent":
			// A worker that a page makes of its own text is a blob, and no request.
			if !strings.Contains(text, `"documentURL":"blob:`) && (!strings.Contains(text, `"documentURL":"file:`) || !strings.Contains(text, `"type":"Document"`)) {
				list = append(list, e.Method+" "+text)
			}
		}
	}
	return list
}
