package config

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// The elements of a secret that stands in no object.
const (
	secretEntry = "secret"
	secretPath  = "path"
	secretKind  = "kind"
	secretText  = "value"
	publicText  = "certificates"
)

// inObject says whether the content of a reference stands within the object that it belongs to.
func inObject(ref string) bool {
	if name, ok := strings.CutPrefix(ref, CertificateRef("")); ok {
		return name != ""
	}
	user, _, ok := userRef(ref)
	return ok && PassphraseRef(user) == ref
}

// otherSecrets writes what the vault holds for the configuration beyond its objects: whatever has a reference is here.
func (w *xmlWriter) otherSecrets() {
	w.begin(secretsElement)
	for _, ref := range slices.Sorted(maps.Keys(w.refs)) {
		if inObject(ref) {
			continue
		}
		kind, content := w.content(ref)
		w.begin(secretEntry)
		w.leaf(secretPath, ref)
		w.leaf(secretKind, kind)
		if public(content) {
			w.leaf(publicText, string(content))
		} else {
			w.secret(secretText, kind, content)
		}
		w.end(secretEntry)
	}
	w.end(secretsElement)
}

// stored is content that was read and is not in the vault yet.
type stored struct {
	kind    string
	content []byte
	line    int
}

var (
	errMasked   = errors.New("the passphrases of this file are masked, so it cannot be loaded; saveconfig can encrypt them instead")
	errNoSecret = errors.New("it is not a secret that was encrypted here")
)

// isMasked says whether a text stands for a secret that is not there.
func isMasked(text string) bool {
	text = strings.TrimSpace(text)
	return len(text) >= 3 && strings.Trim(text, "*") == ""
}

// unseal reads an encrypted secret. A file that names a key which is not known is refused as a whole.
func (r *xmlReader) unseal(n *node) (stored, error) {
	if isMasked(n.text) {
		return stored{}, r.stop(n, errMasked)
	}
	if !isSealed(n.text) {
		return stored{}, errNoSecret
	}
	kind, content, err := openSealed(r.opt.Keys, n.text)
	switch {
	case errors.Is(err, errOtherKey):
		return stored{}, r.stop(n, ErrLockedXML)
	case err != nil:
		return stored{}, r.stop(n, err)
	}
	return stored{kind, content, n.line}, nil
}

// objectSecret reads what stands within an object. A profile of another appliance may have its key in clear.
func (r *xmlReader) objectSecret(e *objectSecret, key string, n *node) (given bool, err error) {
	var all stored
	for _, c := range n.children {
		if c.name != e.secret && (e.certificate == "" || c.name != e.certificate && c.name != e.request) {
			continue
		}
		part := stored{content: []byte(c.text)}
		if c.name == e.secret && strings.TrimSpace(c.text) != "" && !(e.certificate != "" && strings.Contains(c.text, "-----BEGIN ")) {
			if part, err = r.unseal(c); err != nil {
				return given, err
			}
			all.kind = part.kind
		}
		given, all.line = true, c.line
		all.content = append(all.content, part.content...)
	}
	switch ref := e.ref(key); {
	case !given:
	case len(strings.TrimSpace(string(all.content))) == 0:
		delete(r.refs, ref)
		return false, nil
	default:
		if e.certificate != "" {
			if all.content, err = r.certificate(all.content); err != nil {
				return given, err
			}
			all.kind = "certificate"
		}
		r.contents[ref] = all
	}
	return given, nil
}

// certificate judges the content of a profile and gives it the form of the vault.
func (r *xmlReader) certificate(content []byte) ([]byte, error) {
	if r.opt.Certificate == nil {
		return content, nil
	}
	return r.opt.Certificate(content)
}

// otherSecrets reads the secrets that stand in no object. They replace those that there are.
func (r *xmlReader) otherSecrets(n *node, at string) error {
	maps.DeleteFunc(r.refs, func(ref, _ string) bool { return !inObject(ref) })
	paths := pathsOf(at, n.children)
	for i, c := range n.children {
		where := paths(i)
		ref := c.textOf(secretPath)
		if c.name != secretEntry || ref == "" || inObject(ref) {
			r.note(c, where, "it is not a secret with its path")
			continue
		}
		if _, twice := r.contents[ref]; twice {
			return r.stop(c, errTwice)
		}
		read, err := r.otherSecret(c)
		switch {
		case r.fatal != nil:
			return r.fatal
		case err != nil:
			r.note(c, where, err.Error())
		default:
			r.contents[ref] = read
			r.secretAt[ref] = placed{c, where}
		}
	}
	return nil
}

func (r *xmlReader) otherSecret(n *node) (stored, error) {
	if c := n.child(publicText); c != nil {
		if !public([]byte(c.text)) {
			return stored{}, errors.New("it is not a list of certificates")
		}
		return stored{strings.TrimSpace(n.textOf(secretKind)), []byte(c.text), n.line}, nil
	}
	if c := n.child(secretText); c != nil {
		return r.unseal(c)
	}
	return stored{}, errNoSecret
}
