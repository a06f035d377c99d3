#!/usr/bin/busybox sh
# The first and only process of a kernel in user space (see `xtask/src/powercut.rs`). The disk of the server stands on
# dm-flakey; the ledger, the server's program and this script come from the computer itself through hostfs, read-only.
# It is told by the kernel's command line: kit= this folder, programs= where the programs are, rounds=, seed=, preload=.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# By its path: by its name it would run what the computer's own /proc says this process is, which is the kernel.
busybox() { /usr/bin/busybox "$@"; }
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
mountpoint -q /dev || busybox mount -t devtmpfs dev /dev
for word in $(cat /proc/cmdline); do case $word in kit=*|programs=*|rounds=*|seed=*|preload=*) export "$word" ;; esac; done
exec > /dev/console 2>&1
end() { echo "POWERCUT ENDED $1"; busybox poweroff -f; busybox sleep 60; }
busybox ifconfig lo 127.0.0.1 up
for module in dm-mod dm-flakey; do
    busybox insmod "$(busybox find /usr/lib/uml/modules -name $module.ko)" || end "2 $LINENO"
done
mkdir -p /dev/disk /dev/desk && export TMPDIR=/dev/desk && echo 1 > /dev/cuts
echo "0 $(busybox blockdev --getsz /dev/ubda) linear /dev/ubda 0" | dmsetup create medium --noudevsync --noudevrules || end "2 $LINENO"
busybox mount -t ext4 /dev/dm-0 /dev/disk || end "2 $LINENO"
# With preload=, the server alone runs under it; libeatmydata makes every sync a word without a deed.
printf '#!/usr/bin/busybox sh\nLD_PRELOAD=%s exec %s/sensorium "$@"\n' "$preload" "$programs" > /dev/desk/server
chmod +x /dev/desk/server
"$programs/sensorium-sim" ledger --sensorium /dev/desk/server --data /dev/disk/data --after-kill "$kit/cut.sh" --rounds "$rounds" --seed "$seed"
end $?
