package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// sum is the SHA-256 of a file.
func sum(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// 200 MB go through scp and come back, with iris as the ProxyCommand of ssh.
func TestServiceOpenSSH(t *testing.T) {
	needServices(t)
	dir := t.TempDir()
	hostKey, key := filepath.Join(dir, "host"), filepath.Join(dir, "user")
	for _, path := range []string{hostKey, key} {
		tool(t, exec.Command(find(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", path))
	}
	if os.Getuid() == 0 {
		_ = os.MkdirAll("/run/sshd", 0o755) // where sshd of Debian puts itself when it is root
	}
	port := freePort(t)
	startDaemon(t, port, exec.Command(find(t, "sshd"), "-D", "-e", "-f", "/dev/null", "-p", port, "-h", hostKey,
		"-o", "ListenAddress=127.0.0.1", "-o", "AuthorizedKeysFile="+key+".pub", "-o", "StrictModes=no",
		"-o", "PermitRootLogin=yes", "-o", "UsePAM=no", "-o", "PidFile=none", "-o", "Subsystem=sftp internal-sftp"))
	nodes := startNetwork(t, "quic,tcp", 2)
	expose(t, nodes[0], "shell", port)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	sent := randomFile(t, 200e6)
	there, back := filepath.Join(dir, "there"), filepath.Join(dir, "back")
	scp := func(from, to string) {
		began := time.Now()
		command := exec.Command(find(t, "scp"), "-q", "-F", "none", "-i", key, "-o", "BatchMode=yes",
			"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
			"-o", "ProxyCommand="+os.Args[0]+" forward "+nodes[1].flag()+" -stdio shell", from, to)
		command.Env = append(os.Environ(), programVariable+"=1")
		tool(t, command)
		t.Logf("%.0f MB/s", 200/time.Since(began).Seconds())
	}
	scp(sent, me.Username+"@shell:"+there)
	scp(me.Username+"@shell:"+there, back)
	if want := sum(t, sent); sum(t, there) != want || sum(t, back) != want {
		t.Error("what arrived is not what was sent")
	}
}

// startNginx starts a server of files, which takes uploads and passes WebSocket on.
func startNginx(t *testing.T, behind string) (dir, port string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "iris-nginx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	port = freePort(t)
	config := fmt.Sprintf(`
daemon off; pid %[1]s/pid; error_log stderr; worker_processes 1; %[4]s
events { worker_connections 2000; }
http {
	access_log off; client_max_body_size 0; client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	server {
		listen 127.0.0.1:%[2]s;
		root %[1]s;
		location /up/ { dav_methods PUT; create_full_put_path on; }
		location /ws {
			proxy_pass http://%[3]s; proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
		}
	}
}`, dir, port, behind, map[bool]string{true: "user root;"}[os.Getuid() == 0])
	if err := os.WriteFile(dir+"/config", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	startDaemon(t, port, exec.Command(find(t, "nginx"), "-p", dir, "-c", dir+"/config"))
	return dir, port
}

func TestServiceNginx(t *testing.T) {
	needServices(t)
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		c.SetReadLimit(1 << 20)
		for {
			kind, m, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, m) != nil {
				return
			}
		}
	}))
	defer echo.Close()
	dir, port := startNginx(t, echo.Listener.Addr().String())
	nodes := startNetwork(t, "quic,tcp", 2)
	expose(t, nodes[0], "web", port)
	near, _ := forwardTo(t, nodes[1], "web")
	url := "http://127.0.0.1:" + near

	sent := randomFile(t, 50e6)
	tool(t, exec.Command(find(t, "curl"), "-sSf", "-T", sent, url+"/up/curl"))
	got := filepath.Join(t.TempDir(), "got")
	tool(t, exec.Command(find(t, "curl"), "-sSf", "-o", got, url+"/up/curl"))
	if sum(t, got) != sum(t, sent) {
		t.Error("what curl got is not what it has sent")
	}
	checkHalfClosedUpload(t, near, dir)
	checkWebSocket(t, "ws://127.0.0.1:"+near+"/ws")
}

// checkHalfClosedUpload uploads over a connection whose writing ends with the upload, and
// reads the answer after that.
func checkHalfClosedUpload(t *testing.T, port, dir string) {
	t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := strings.Repeat("half-closed ", 1<<20)
	fmt.Fprintf(c, "PUT /up/half HTTP/1.1\r\nHost: web\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Error(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 201")) {
		t.Errorf("nginx answers %q, %v", answer, err)
	}
	if got, err := os.ReadFile(dir + "/up/half"); string(got) != body {
		t.Errorf("%d bytes arrived of %d, %v", len(got), len(body), err)
	}
}

func checkWebSocket(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(1 << 20)
	for _, size := range []int{0, 1, 100, 1 << 19} {
		want := bytes.Repeat([]byte("w"), size)
		if err := c.Write(ctx, websocket.MessageBinary, want); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(ctx); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back of %d, %v", len(got), len(want), err)
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}
