import { pino } from 'pino';
import { createKubeClient } from '../../kube/client/client.ts';
import { runLeaderElection } from '../../kube/controller/leader-election.ts';

/*
 * A candidate of a leader election in its own process, for the test that kills it:
 *   node kube-candidate.ts <kubeconfig> <namespace> <name of the lease> <identity>
 * It prints "leading" when it becomes the leader, and runs until it is killed.
 */

const [kubeconfig = '', namespace = '', name = '', identity = ''] = process.argv.slice(2);

runLeaderElection({
  client: createKubeClient({ kubeconfig, userAgent: 'rock-mac-test' }),
  namespace,
  name,
  identity,
  leaseDurationMs: 3_000,
  renewDeadlineMs: 2_000,
  retryPeriodMs: 200,
  onStarted: () => {
    process.stdout.write('leading\n');
  },
  logger: pino({ level: 'silent' }),
});
