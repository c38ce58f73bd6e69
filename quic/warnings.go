package quic

import (
	"log/slog"
	"os"
	"runtime"
	"sync"

	quicgo "github.com/quic-go/quic-go"
)

// wantedBuffer is what quic-go asks the system for, in bytes, for each
// direction of a socket.
const wantedBuffer = 7 << 20

// silenceQUICWarnings keeps quic-go from writing of small buffers to the
// standard logger; warnings says it better. The variable is the switch that
// quic-go documents for that, and there is no other.
var silenceQUICWarnings = sync.OnceFunc(func() {
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
})

// warnings says once what the system could give QUIC and does not.
type warnings struct {
	logger *slog.Logger
	once   sync.Once
}

// check looks at a socket on which a link has come up, the first time.
func (w *warnings) check(s *socket, conn *quicgo.Conn) {
	w.once.Do(func() {
		receive, send := bufferSizes(s.udp)
		small := receive > 0 && (receive < wantedBuffer || send < wantedBuffer)
		// Segmentation offload halves the cost of sending; only Linux has it.
		single := runtime.GOOS == "linux" && !conn.ConnectionState().GSO
		if !small && !single {
			return
		}
		w.logger.Warn("UDP is slower than it could be",
			"transport", Scheme,
			"receive_buffer", receive, "send_buffer", send, "wanted", wantedBuffer,
			"gso", conn.ConnectionState().GSO, "set", advice(small, single))
	})
}

// advice says what to set.
func advice(small, single bool) string {
	text := ""
	if small {
		text = bufferAdvice
	}
	if single {
		if text != "" {
			text += "; "
		}
		text += "for GSO Linux 4.18 or newer, an interface that can do it, and no QUIC_GO_DISABLE_GSO"
	}
	return text
}
