#!/bin/bash
# Installs what the adapters of Debian's servers need, for more peers than the one of make bench. Run it as root. It starts
# nothing. Exim and OpenSMTPD cannot be installed beside Postfix (one mail-transport-agent a system), so theirs are
# unpacked under .tools/.
set -e
cd "$(dirname "$0")"
apt-get update -qq
if [ ! -x /usr/lib/postfix/sbin/master ]; then
  echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postfix
fi
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-upgrade strace util-linux libidn12 libevent-2.1-7 libpcre2-8-0 libgnutls-dane0 libdb5.3 libnsl2
for u in Debian-exim opensmtpd opensmtpq; do
  id "$u" >/dev/null 2>&1 || useradd --system --no-create-home --home-dir /var/empty --shell /usr/sbin/nologin "$u"
done
mkdir -p .tools/debs
(cd .tools/debs && apt-get download -qq opensmtpd exim4-daemon-light exim4-base 2>/dev/null)
dpkg -x .tools/debs/opensmtpd_*.deb .tools/opensmtpd
for d in .tools/debs/exim4-*.deb; do dpkg -x "$d" .tools/exim; done
chgrp opensmtpq .tools/opensmtpd/usr/sbin/smtpctl
chmod 2755 .tools/opensmtpd/usr/sbin/smtpctl
rm -rf .tools/debs
for a in adapters/*.sh; do printf '%-16s %s\n' "$(basename "$a" .sh)" "$(B_ROOT=$PWD bash "$a" version || true)"; done
