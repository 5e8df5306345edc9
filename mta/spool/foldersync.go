package spool

import "sync"

// folderSyncs lets commits that happen at the same time share the sync of their folder.
type folderSyncs struct {
	sync func(path string) error

	mu      sync.Mutex
	pending map[string]*folderSync // the sync that has not begun yet, by folder
	running map[string]*folderSync // the sync that has begun, by folder
}

// folderSync is one sync and everybody who waits for it.
type folderSync struct {
	done chan struct{}
	err  error
}

// Sync returns when a sync of the folder that began after the call has ended. Whoever asks first waits for the one that
// runs and then does the work for all that came meanwhile.
func (g *folderSyncs) Sync(path string) error {
	g.mu.Lock()
	if g.pending == nil {
		g.pending = make(map[string]*folderSync)
		g.running = make(map[string]*folderSync)
	}
	if p := g.pending[path]; p != nil {
		g.mu.Unlock()
		<-p.done
		return p.err
	}
	mine := &folderSync{done: make(chan struct{})}
	g.pending[path] = mine
	before := g.running[path]
	g.mu.Unlock()
	if before != nil {
		<-before.done
	}
	g.mu.Lock()
	delete(g.pending, path)
	g.running[path] = mine
	g.mu.Unlock()
	mine.err = g.sync(path)
	g.mu.Lock()
	if g.running[path] == mine {
		delete(g.running, path)
	}
	g.mu.Unlock()
	close(mine.done)
	return mine.err
}
