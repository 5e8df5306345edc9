// Package rig is the two ends between which a mail server is measured: a generator that sends numbered messages and
// remembers which of them were acknowledged, and a sink that counts what arrives. The tracker that both share knows of every
// (message, recipient) pair whether it was lost, came twice or was damaged. Between them an Appliance is run, where it is posthouse that is looked at and
// no peer. Only the benchmark and its tests import it.
package rig
