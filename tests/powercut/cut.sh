#!/usr/bin/busybox sh
# The power of the disk goes, after the server was killed: from here on every write is swallowed, as if the disk had stopped
# in the middle of what it was told. What the kernel still holds goes the same way when the file system is let go. Then
# the disk is back, and the file system replays its own journal.
set -e
table() { # linear passes everything on, flakey with drop_writes says yes and writes nothing
    dmsetup suspend --nolockfs medium
    echo "$1" | dmsetup load medium
    dmsetup resume --noudevsync medium
}
sectors=$(busybox blockdev --getsz /dev/ubda)
table "0 $sectors flakey /dev/ubda 0 0 3600 1 drop_writes"
busybox umount /dev/disk
table "0 $sectors linear /dev/ubda 0"
# Half of the rounds: the kernel writes back what was not synced in its own order all the time; else it holds on to it.
if [ $(($(cat /dev/cuts) % 2)) = 0 ]; then pace=3; else pace=3000; fi
echo $pace > /proc/sys/vm/dirty_writeback_centisecs
echo $pace > /proc/sys/vm/dirty_expire_centisecs
echo $(($(cat /dev/cuts) + 1)) > /dev/cuts
busybox mount -t ext4 /dev/dm-0 /dev/disk
