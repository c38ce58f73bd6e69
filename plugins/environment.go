package plugins

import "os"

// passedOn are the variables of this process that a plugin gets: what programs need to
// find files, servers and their way out. Nothing else of the environment, which may hold
// secrets, is given to it. Proxies may have a password in their URL: it is for the plugin.
var passedOn = []string{
	"PATH", "HOME", "TMPDIR", "TZ", "LANG",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR",
	"SystemRoot", "TEMP", "TMP", // Windows
}

func environment() []string {
	var env []string
	for _, name := range passedOn {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
