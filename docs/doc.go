// Package docs holds the operator's guide; its tests keep the pages that are made from the program's tables fresh, and
// the program's structure as the overview draws it.
package docs
