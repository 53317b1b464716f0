# Makes connections with IO::Stream of Perl: connect-echo-close.pl PORT UNITS AT_ONCE BYTES. Prints seconds, and seconds of CPU.
use strict;
use warnings;
use Time::HiRes qw( time clock );
use EV;
use IO::Stream;

my ($port, $units, $at_once, $bytes) = @ARGV;
my $message = 'x' x $bytes;
my ($started, $closed) = (0, 0);
$SIG{PIPE} = 'IGNORE';
$EV::DIED = sub { print STDERR $@; exit 1 };

sub start {
    $started++;
    IO::Stream->new({
        host => '127.0.0.1', port => $port, out_buf => $message, wait_for => IN|EOF, in_buf_limit => 0, cb => \&on_event,
    });
}

# Sends, reads the echo, ends, and reads the end.
sub on_event {
    my ($io, $event, $error) = @_;
    die "$error\n" if $error;
    shutdown $io->{fh}, 1 if $event & IN && length $io->{in_buf} == $bytes;
    return if !($event & EOF);
    die "expected an echo of $bytes bytes, got ".length($io->{in_buf})."\n" if length $io->{in_buf} != $bytes;
    $io->close();
    $closed++;
    if ($started < $units) { start() }
    elsif ($closed == $units) { EV::unloop }
}

my ($time, $cpu) = (time, clock());
start() for 1 .. ($at_once < $units ? $at_once : $units);
EV::loop;
printf "%.6f %.6f\n", time - $time, clock() - $cpu;
