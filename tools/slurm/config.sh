# shellcheck shell=bash
# The configuration files of the cluster, printed; up.sh sets the variables.

slurm_conf() {
  cat <<END
ClusterName=virtual
SlurmctldHost=$HOST(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# cred_expire is also how long a requeued job waits (120 s unless told otherwise); below KillWait and its floor of 5 s
# a job may come back to a node where its last step still dies, which drains the node
AuthInfo=socket=$SOCKET,cred_expire=8
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$ROOT/state
SlurmctldPidFile=$ROOT/run/slurmctld.pid
SlurmctldLogFile=$ROOT/log/slurmctld.log
SlurmdSpoolDir=$ROOT/spool/%n
SlurmdPidFile=$ROOT/run/slurmd-%n.pid
SlurmdLogFile=$ROOT/log/slurmd-%n.log
# nodes promise more processors than the machine has: they are virtual
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
FirstJobId=$FIRST_JOB
MaxArraySize=1001
MaxJobCount=20000
JobRequeue=1
# an impossible request is refused, not queued for ever
EnforcePartLimits=ALL
KillWait=5
SlurmdTimeout=30
UnkillableStepTimeout=30
InactiveLimit=0
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=2,bf_interval=1,bf_min_age_reserve=0,max_rpc_cnt=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=100
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
GresTypes=gpu
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=$DBD_PORT
# who speaks to slurmdbd finds munge's socket here, not in AuthInfo
AccountingStoragePass=$SOCKET
AccountingStorageTRES=gres/gpu
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
MinJobAge=300
NodeName=node[1-$NODES] NodeHostname=$HOST NodeAddr=127.0.0.1 Port=$NODE_PORTS CPUs=$CPUS RealMemory=$MEM Gres=gpu:$GPUS State=UNKNOWN
# jobs spread over the nodes; on the last one, those of "high" push out those of "low"
PartitionName=main Nodes=node[1-$((NODES - 1))] Default=YES LLN=YES MaxTime=INFINITE State=UP PreemptMode=OFF
PartitionName=low Nodes=node$NODES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
PartitionName=high Nodes=node$NODES MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
${SLURM_EXTRA:-}
END
}

slurmdbd_conf() {
  cat <<END
AuthType=auth/munge
AuthInfo=socket=$SOCKET
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$DBD_PORT
CommunicationParameters=NoInAddrAny
SlurmUser=root
PidFile=$ROOT/run/slurmdbd.pid
LogFile=$ROOT/log/slurmdbd.log
DebugLevel=info
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_accounting
END
}

gres_conf() { echo "NodeName=node[1-$NODES] Name=gpu File=$ROOT/dev/nvidia[0-$((GPUS - 1))]"; }
