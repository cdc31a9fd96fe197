package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	fileMode    = 0o600
	lockTimeout = 2 * time.Second
	schemaOne   = "1"
	schemaTwo   = "2" // has entries with the second half of an AdminReset
	maxBatch    = 128
)

func entriesBucket() []byte { return []byte("entries") }
func metaBucket() []byte    { return []byte("meta") }
func schemaKey() []byte     { return []byte("schema") }
func forgottenKey() []byte  { return []byte("forgotten") }

// Open opens the journal at path, and makes it if there is none. Only one process can have it open. A file
// that is not a whole journal of this version is an error and stays as it is.
func Open(path string) (*Journal, error) {
	if err := create(path); err != nil {
		return nil, fmt.Errorf("make the journal %s: %w", path, err)
	}
	if err := inspect(path); err != nil {
		return nil, err
	}
	db, err := bolt.Open(path, fileMode, &bolt.Options{Timeout: lockTimeout})
	if err != nil {
		return nil, openError(path, err)
	}
	j := &Journal{db: db, path: path, ops: make(chan *op), stop: make(chan struct{}), done: make(chan struct{})}
	go j.run()
	return j, nil
}

// create makes an empty journal beside path and moves it there, so that path is never half a journal.
func create(path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := bolt.Open(fresh, fileMode, &bolt.Options{Timeout: lockTimeout})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		meta, err := tx.CreateBucket(metaBucket())
		if err != nil {
			return err
		}
		if _, err := tx.CreateBucket(entriesBucket()); err != nil {
			return err
		}
		return meta.Put(schemaKey(), []byte(schemaOne))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the rename durable. Systems that cannot sync a directory say so with an error of Sync.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync() // not possible on Windows; NTFS journals the rename itself
	return d.Close()
}

// inspect looks at the whole file before it is opened for writing.
func inspect(path string) (err error) {
	// bbolt's checks panic on pages that make no sense; this one function turns that into an error.
	defer func() {
		if r := recover(); r != nil {
			err = corrupt(path, fmt.Errorf("%v", r))
		}
	}()
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("open the journal %s: %w", path, err)
	}
	if info.Size() == 0 {
		return corrupt(path, errors.New("the file is empty"))
	}
	db, err := bolt.Open(path, fileMode, &bolt.Options{Timeout: lockTimeout, ReadOnly: true})
	if err != nil {
		return openError(path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.View(func(tx *bolt.Tx) error {
		// Pages beyond the end of a cut-off file cannot be touched: the process would be killed.
		if tx.Size() > info.Size() {
			return corrupt(path, fmt.Errorf("%d bytes are missing at the end", tx.Size()-info.Size()))
		}
		if err := checkPages(tx); err != nil {
			return corrupt(path, err)
		}
		return checkContents(path, tx)
	})
}

func checkPages(tx *bolt.Tx) error {
	var first error
	for err := range tx.Check() { // has to be read to its end
		first = cmp.Or(first, err)
	}
	return first
}

func checkContents(path string, tx *bolt.Tx) error {
	meta, entries := tx.Bucket(metaBucket()), tx.Bucket(entriesBucket())
	if meta == nil || entries == nil {
		return corrupt(path, errors.New("it is not a journal of Homeward"))
	}
	if v := string(meta.Get(schemaKey())); v != schemaOne && v != schemaTwo {
		return fmt.Errorf("the journal %s has schema %q, this agent reads %q and %q: a newer agent has written it; run that one",
			path, v, schemaOne, schemaTwo)
	}
	return entries.ForEach(func(k, raw []byte) error {
		if _, err := decodeEntry(k, raw); err != nil {
			return corrupt(path, err)
		}
		return nil
	})
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("the journal %s is %w: another agent runs on this machine; stop it first: %w", path, ErrInUse, err)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return corrupt(path, err)
	}
	return fmt.Errorf("open the journal %s: %w", path, err)
}

func corrupt(path string, err error) error {
	return fmt.Errorf("%w: %s: %w. It is left as it is, because an agent without it could carry out a request twice. "+
		"Wait ten minutes, so that every request it may have known has expired; then move the file away and start the agent again. "+
		"Results the server has not seen are lost with it", ErrCorrupt, path, err)
}

// Close waits for the writes under way and closes the file. Later calls give ErrClosed.
func (j *Journal) Close() error {
	j.once.Do(func() { close(j.stop) })
	<-j.done
	return j.db.Close()
}

// op is one change on its way to the writer.
type op struct {
	do   func(*bolt.Bucket) error
	err  error
	done chan struct{}
}

// run is the only writer. Everything that arrives while a commit is on its way to the disk goes into the
// next one together, so many requests in flight share the cost and a single one never waits for company.
func (j *Journal) run() {
	defer close(j.done)
	for {
		select {
		case <-j.stop:
			return
		case first := <-j.ops:
			j.commit(j.gather(first))
		}
	}
}

func (j *Journal) gather(first *op) []*op {
	batch := []*op{first}
	for len(batch) < maxBatch {
		select {
		case o := <-j.ops:
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

// commit applies the batch in one transaction. A change that fails has written nothing by then, so it fails
// alone; a transaction that fails, fails all.
func (j *Journal) commit(batch []*op) {
	err := j.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(entriesBucket())
		for _, o := range batch {
			o.err = o.do(b)
		}
		return nil
	})
	for _, o := range batch {
		o.err = cmp.Or(o.err, err)
		close(o.done)
	}
}

// write runs do in the writer and returns once it is on the disk. When ctx ends first, the change may still
// be made.
func (j *Journal) write(ctx context.Context, do func(*bolt.Bucket) error) error {
	o := &op{do: do, done: make(chan struct{})}
	select {
	case j.ops <- o:
	case <-j.stop:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (j *Journal) view(do func(*bolt.Bucket) error) error {
	err := j.db.View(func(tx *bolt.Tx) error { return do(tx.Bucket(entriesBucket())) })
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

func (j *Journal) list(want func(Entry) bool) ([]Entry, error) {
	var out []Entry
	err := j.view(func(b *bolt.Bucket) error {
		return b.ForEach(func(_, raw []byte) error {
			e, err := j.decode(raw)
			if err == nil && want(e) {
				out = append(out, e)
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list requests: %w", err)
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.AcceptedAt, b.AcceptedAt) })
	return out, nil
}
