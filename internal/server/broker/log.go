package broker

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// serverLog hands the NATS server's lines to slog. Its notices are start-up chatter, its errors mostly
// somebody else's (a client that sends nonsense), so both go one level down. Trace, which prints payloads,
// is never turned on.
type serverLog struct {
	log *slog.Logger

	mu    sync.Mutex
	fatal string // first fatal line: the server does not return it
}

// noTLSWarning is printed because our listener on loopback has no TLS of its own: the portal has.
const noTLSWarning = "Websocket not configured with TLS"

func (l *serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }

func (l *serverLog) Warnf(format string, v ...any) {
	if strings.HasPrefix(format, noTLSWarning) {
		return
	}
	l.log.Warn(fmt.Sprintf(format, v...))
}

func (l *serverLog) Errorf(format string, v ...any) { l.log.Warn(fmt.Sprintf(format, v...)) }

func (l *serverLog) Fatalf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	l.log.Error(line)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == "" {
		l.fatal = line
	}
}

func (l *serverLog) Debugf(string, ...any) {}
func (l *serverLog) Tracef(string, ...any) {}

func (l *serverLog) firstFatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
