package writeback

import (
	"slices"
	"testing"
	"time"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// BenchmarkReset compares the whole path of a request with the bare reset it contains, in turns on one DC.
func BenchmarkReset(b *testing.B) {
	dc := dctest.Private(b, lab.Options{})
	dc.SetPolicy(b, dctest.Policy{MinLength: 8, Complexity: true})
	w := newBench(b, dc)
	p := dc.NewPerson(b)
	w.warm(b, p)
	var bare, whole []time.Duration
	hops := map[string][]int64{}
	for b.Loop() {
		a := w.account(b, p)
		start := time.Now()
		if err := w.dir.Reset(b.Context(), a, []byte(lab.RandomPassword())); err != nil {
			b.Fatal(err)
		}
		bare = append(bare, time.Since(start))

		c := w.newCommand(b, protocol.Reset, anchor(b, p), lab.RandomPassword())
		data := c.envelope(b)
		var answer protocol.Accepted
		start = time.Now()
		w.handle(b, protocol.Reset, data, &answer)
		result := w.result(b, c.header.Request)
		whole = append(whole, w.latest.Sub(start)) // from the arrival of the request to the departure of its result
		for _, h := range result.Hops {
			hops[h.Name] = append(hops[h.Name], h.Micros)
		}
	}
	b.ReportMetric(median(bare).Seconds()*1e3, "bare-ms")
	b.ReportMetric(median(whole).Seconds()*1e3, "whole-ms")
	b.ReportMetric((median(whole)-median(bare)).Seconds()*1e3, "added-ms")
	for name, us := range hops {
		b.ReportMetric(float64(median(us)), name+"-us")
	}
}

func median[T ~int64](v []T) T {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkProof is what it costs to tell from the directory what became of a write: on its own account, and for
// another agent on the server's word.
func BenchmarkProof(b *testing.B) {
	dc := dctest.Private(b, lab.Options{})
	dc.SetPolicy(b, dctest.Policy{MinLength: 8, Complexity: true})
	w := newBench(b, dc)
	o := w.another(b, dc)
	p := dc.NewPerson(b)
	var own, foreign []time.Duration
	for b.Loop() {
		a, id := w.reset(b, p, lab.RandomPassword())
		e, err := w.journal.Get(id)
		if err != nil {
			b.Fatal(err)
		}
		u := &unresolved{guid: directory.GUID(anchor(b, p)), evidence: evidence{op: e.Operation, mark: *e.Before, since: time.Now()}}
		start := time.Now()
		seen, err := w.dir.Witnesses(b.Context(), u.written(u.guid), u.mark.Invocation)
		if v := u.judge(seen, err, at(time.Now()), time.Minute); v.outcome != protocol.Changed {
			b.Fatalf("%+v", v)
		}
		own = append(own, time.Since(start))

		c := caseOf(b, p, protocol.Reset, a, time.Now().Add(time.Minute))
		start = time.Now()
		if r := o.ask(b, id, c); r.Outcome != protocol.Changed {
			b.Fatalf("%+v", r)
		}
		foreign = append(foreign, time.Since(start))
	}
	b.ReportMetric(median(own).Seconds()*1e3, "own-ms")
	b.ReportMetric(median(foreign).Seconds()*1e3, "by-case-ms")
}
