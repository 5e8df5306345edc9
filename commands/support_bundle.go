package commands

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	agefile "filippo.io/age"

	"posthouse/certstore"
	"posthouse/config"
	"posthouse/internal/eventlog"
	"posthouse/internal/folder"
)

// supportPart is one file of a bundle that is small enough for memory.
type supportPart struct {
	name    string
	collect func() ([]byte, error)
}

// write makes the bundle. When ctx ends or anything fails, no file is left.
func (w *supporting) write(ctx context.Context, a *Appliance, name string, now time.Time, progress func(string)) error {
	return configuration(a).WriteBy(name, func(out io.Writer) error {
		out = attentive{ctx, out}
		if w.phrase == "" {
			return w.pack(ctx, a, out, now, progress)
		}
		recipient, err := agefile.NewScryptRecipient(w.phrase)
		if err != nil {
			return err
		}
		sealed, err := agefile.Encrypt(out, recipient)
		if err != nil {
			return err
		}
		return errors.Join(w.pack(ctx, a, sealed, now, progress), sealed.Close())
	})
}

// attentive is a writer that fails once ctx has ended.
type attentive struct {
	ctx context.Context
	w   io.Writer
}

// Write is io.Writer's.
func (a attentive) Write(b []byte) (int, error) {
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	return a.w.Write(b)
}

func (w *supporting) pack(ctx context.Context, a *Appliance, out io.Writer, now time.Time, progress func(string)) error {
	zipped := gzip.NewWriter(out)
	b := &bundle{tar: tar.NewWriter(zipped), now: now}
	parts := supportParts(ctx, a)
	if w.phrase != "" {
		parts = append(parts, secretParts(a)...)
	}
	for _, part := range parts {
		progress("Collecting " + part.name + ". Press Ctrl-C to stop.")
		if err := b.part(part); err != nil {
			return err
		}
	}
	for _, l := range a.logs() {
		progress("Collecting " + l.Name() + ". Press Ctrl-C to stop.")
		if err := b.log(l, w.logs); err != nil {
			return err
		}
	}
	return errors.Join(b.tar.Close(), zipped.Close())
}

// bundle is the archive that is being written.
type bundle struct {
	tar *tar.Writer
	now time.Time
}

// part adds a small file. What cannot be collected is no reason to have no bundle: its file says why.
func (b *bundle) part(p supportPart) error {
	data, err := p.collect()
	if err != nil {
		data = fmt.Appendf(data, "\nThis could not be collected: %v\n", reason(err))
	}
	return b.file(p.name, int64(len(data)), b.now, bytes.NewReader(data))
}

// file adds a file of exactly so many bytes; where there are fewer, zeros follow.
func (b *bundle) file(name string, size int64, changed time.Time, content io.Reader) error {
	err := b.tar.WriteHeader(&tar.Header{Name: "support/" + name, Mode: 0o600, Size: size, ModTime: changed, Typeflag: tar.TypeReg})
	if err != nil {
		return err
	}
	n, err := io.Copy(b.tar, io.LimitReader(content, size))
	if err == nil && n < size {
		_, err = io.CopyN(b.tar, nothing{}, size-n)
	}
	return err
}

// nothing is an endless reader of zeros.
type nothing struct{}

func (nothing) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// log adds the last bytes of a log, as many as are wanted, in the files that they are in.
func (b *bundle) log(l *eventlog.Log, wanted int64) error {
	_ = l.Flush() // on a disk that takes nothing there is still something to read
	files := folder.New(l.Folder(), folder.Usual)
	list, err := files.List()
	if err != nil {
		return b.part(supportPart{"logs/" + l.Name() + "/missing.txt", func() ([]byte, error) { return nil, err }})
	}
	slices.SortFunc(list, func(x, y fs.FileInfo) int {
		return cmp.Or(y.ModTime().Compare(x.ModTime()), cmp.Compare(y.Name(), x.Name()))
	})
	for _, info := range list {
		size := min(info.Size(), wanted)
		if size == 0 {
			continue
		}
		if err := b.tail(files, l.Name(), info, size); err != nil {
			return err
		}
		wanted -= size
	}
	return nil
}

// tail adds the last bytes of one file of a log; one that was removed meanwhile is passed over.
func (b *bundle) tail(files *folder.Folder, log string, info fs.FileInfo, size int64) error {
	f, err := files.Open(info.Name())
	if err != nil {
		return nil
	}
	defer f.Close()
	return b.file("logs/"+log+"/"+info.Name(), size, info.ModTime(), io.NewSectionReader(f, info.Size()-size, size))
}

// supportParts is what every bundle has.
func supportParts(ctx context.Context, a *Appliance) []supportPart {
	running := a.Config.Running().Config
	document := func(name string, of func() any) supportPart {
		return supportPart{name, func() ([]byte, error) { return json.MarshalIndent(of(), "", "  ") }}
	}
	return []supportPart{
		{"posthouse.toml", func() ([]byte, error) { return config.Encode(running), nil }},
		{"revisions.txt", func() ([]byte, error) { return revisionList(a), nil }},
		document("version.json", func() any { return versionJSON(a.About, runtime.NumCPU(), memoryMegabytes()) }),
		document("status.json", func() any { return statusJSON(a.Engine.Status(), machineLoad(ctx, a.Files)) }),
		document("hosts.json", func() any { return showHostsJSON(running, a.Engine.Hosts(), false) }),
		document("listeners.json", func() any { return a.Engine.Listeners() }),
		document("dns.json", func() any { return dnsStatusJSON(a.Engine.DNS()) }),
		document("alerts.json", func() any {
			if a.Alerts == nil {
				return nil
			}
			return alertsJSON(a.Alerts.Last(alertsMost))
		}),
		document("clock.json", func() any { return findClock() }),
		{"certificates.pem", func() ([]byte, error) { return certificateChains(a, running) }},
		{"spool.txt", func() ([]byte, error) { return spoolList(a) }},
		{"goroutines.txt", goroutines},
	}
}

func revisionList(a *Appliance) []byte {
	var b bytes.Buffer
	for _, r := range a.Config.Revisions() {
		fmt.Fprintf(&b, "%d\t%s\t%s from %s\t%s\n", r.Number, r.Time.Format(time.RFC3339), r.Author.User, r.Author.From, eventlog.Escape(r.Comment))
	}
	return b.Bytes()
}

// certificateChains is every profile's certificates, without keys.
func certificateChains(a *Appliance, c *config.Config) ([]byte, error) {
	var b bytes.Buffer
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Certificates)) {
		fmt.Fprintf(&b, "Profile %s\n", name)
		id, ok := c.Refs[config.CertificateRef(name)]
		if !ok {
			continue
		}
		profile, err := a.Certs.Get(id)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
			continue
		}
		for _, pair := range profile.Pairs {
			b.Write(certstore.EncodePEM(pair.Chain))
		}
	}
	return b.Bytes(), errors.Join(faults...)
}

// spoolList is the names and sizes of the spool's files: nothing of messages.
func spoolList(a *Appliance) ([]byte, error) {
	var b bytes.Buffer
	err := filepath.WalkDir(filepath.Join(filepath.Dir(a.Files), "spool"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			fmt.Fprintf(&b, "%14d  %s  %s\n", info.Size(), info.ModTime().UTC().Format(time.RFC3339), filepath.Base(path))
		}
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return b.Bytes(), err
}

// goroutines is what every goroutine is doing, cut where it is very long.
func goroutines() ([]byte, error) {
	const most = 16 << 20
	var b bytes.Buffer
	err := pprof.Lookup("goroutine").WriteTo(&b, 2)
	b.Truncate(min(b.Len(), most))
	return b.Bytes(), err
}

// secretParts is the content that the configuration's references name, each under the setting's path.
func secretParts(a *Appliance) []supportPart {
	refs := a.Config.Running().Config.Refs
	var parts []supportPart
	for _, path := range slices.Sorted(maps.Keys(refs)) {
		name := "secrets/" + strings.Map(func(r rune) rune {
			if r == '/' || r < ' ' {
				return '_'
			}
			return r
		}, path)
		parts = append(parts, supportPart{name, func() ([]byte, error) { return a.Config.Vault().Get(refs[path]) }})
	}
	return parts
}
