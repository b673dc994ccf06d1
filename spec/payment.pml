/*
 * The life of one payment, as the code does it, for Spin: `npm run spec` checks it.
 *
 * A step below is one that takes effect by itself in the code: one SQL statement or transaction,
 * one call of wallet-service, one frame to the broker. Between any two of them anything else may
 * happen. The comment before a step names the code; docs/specification.md says what is left out.
 *
 * Whatever goes wrong, in any process, at any point, takes one of FAULTS; and at any moment the
 * world may declare that nothing fails any more. A process that is frozen is one that is not
 * scheduled: that costs nothing. Nor does time: leashes and the life of the hold run out whenever
 * the model likes, so what holds here holds for all their lengths, and for any clock.
 *
 * A guard is taken away by its flag (NO_TOMBSTONE, NO_CAS, ...). Spin must then find the flaw, and
 * tells it in the sentences printed here. The comment behind an assertion is its name.
 */
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef TWINS
#define TWINS 2 /* requests with one idempotency key, side by side: 1 or 2 */
#endif
#ifndef WORKERS
#define WORKERS 2 /* 1 to 3 */
#endif
#ifndef JOBS
#define JOBS 2 /* 0 to 2 */
#endif

mtype = { none, yes, no, late }
mtype = { open, captured, released, expired }
mtype = { PENDING, COMPLETED, FAILED }
mtype = { pending, sent, cancelled }
mtype = { held, disowned, acked }

/* The wallet's database: packages/ledger. */
mtype hold = none;     /* ledger.hold, by the payment's id */
bool overdue = false;  /* its clock has passed expires_at, and nobody has written that down */
byte posts = 0;        /* how often the money moved */

/* The database of transactions. */
bool refused = false;  /* payment_claims.refusal */
mtype row = none;      /* payments.status */
bool stale = false;    /* its clock has passed the leash that counts for the row */
mtype outbox = none;   /* queue.outbox: the row of payments.execute */
bool inbox = false;    /* queue.inbox: the row (worker, message) */
byte told = 0;         /* events payments.completed and payments.failed in the outbox */
byte lock = 0;         /* whose open transaction has the payment's row locked */
byte entry = 0;        /* whose open transaction has the message's entry of the inbox */

/* The broker. All copies of the message are alike, so their order means nothing. */
bool up = true;
byte waiting = 0;      /* in the queue of the worker, or in a wait queue behind it */
byte parked = 0;       /* in the parking queue */
mtype hand[4] = none;  /* what worker 1 to 3 has; disowned: the broker has it back by now */
bool lost = false;     /* the broker forgot messages, or an operator threw them away */

byte faults = FAULTS;
#define FAULT faults > 0 -> faults--

#define ENDED (row == COMPLETED || row == FAILED)
#define UNLOCKED (lock == 0 && entry == 0)
#define HELD (hold == open && !overdue)
#define HAS(worker) (hand[worker] == held || hand[worker] == acked)
#define COPIES (waiting + parked + HAS(1) + HAS(2) + HAS(3))

/* What holds in every state. Called after each step that could change it. */
inline lawful() {
  assert(posts <= 1);                                    /* posted-once */
  assert(row != COMPLETED || posts == 1);                /* completed-posted */
  assert(row != FAILED || posts == 0);                   /* failed-never-posted */
  assert(hold != released || posts == 0);                /* released-never-posted */
  assert(posts == 0 || (row != none && !refused));       /* posted-accepted */
  assert(told == (ENDED -> 1 : 0));                      /* told-once */
  assert(outbox != sent || inbox || lost || COPIES > 0); /* message-kept */
}

/* ---- the ledger: functions of PostgreSQL, each one statement that commits by itself ---- */

/* packages/ledger/src/sql/hold.ts and known-hold.ts; services/wallet/src/holds.ts placeHold */
inline ledger_hold(me, answer) {
  if
  :: hold == none -> hold = open; overdue = false; answer = yes;
    printf("request %d: holds the money\n", me)
  :: hold == none -> answer = no;
    printf("request %d: asks for a hold, is refused: not enough money\n", me)
  :: hold == open && overdue -> hold = expired; overdue = false; answer = no;
    printf("request %d: asks for a hold, is refused: it has expired\n", me)
  :: (hold == open && !overdue) || hold == captured -> answer = yes;
    printf("request %d: asks for a hold, which is there\n", me)
  :: hold == released || hold == expired -> answer = no;
    printf("request %d: asks for a hold, is refused: %e for ever\n", me, hold)
  fi
}

/* packages/ledger/src/sql/capture.ts; services/wallet/src/holds.ts postHold */
inline ledger_capture(me, answer) {
#ifdef NO_TRANSFER_ID
  posts++; answer = yes;
  printf("worker %d: moves the money, without naming the payment's id\n", me);
#else
  if
  :: hold == open && !overdue -> hold = captured; posts++; answer = yes;
    printf("worker %d: posts the hold, the money has moved\n", me)
  :: hold == open && !overdue -> answer = no;
    printf("worker %d: posts the hold, is refused: an account is frozen at the moment\n", me)
  :: hold == open && overdue -> hold = expired; overdue = false; answer = no;
    printf("worker %d: posts the hold, is refused: it has expired\n", me)
  :: hold == captured -> answer = yes;
    printf("worker %d: posts the hold, which was posted before\n", me)
  :: hold == none || hold == released || hold == expired -> answer = no;
    printf("worker %d: posts the hold, is refused: %e\n", me, hold)
  fi;
#endif
  lawful()
}

/* packages/ledger/src/sql/release.ts; services/wallet/src/holds.ts releaseHold.
   yes: never posts. no: has posted. */
inline ledger_release(answer) {
  if
#ifndef NO_FINALITY
  :: hold == captured -> answer = no; printf("ledger: the money has moved before\n")
#endif
  :: hold == expired -> answer = yes; printf("ledger: the hold has expired, it never posts\n")
  :: else -> answer = yes; overdue = false;
#ifdef NO_TOMBSTONE
    hold = none; printf("ledger: the hold is gone, and nothing remembers it\n")
#else
    hold = released; printf("ledger: released, it never posts\n")
#endif
  fi;
  lawful()
}

/* ---- transaction-service, one request for the payment: create-payment.ts ---- */

proctype Request(byte me) {
  mtype answer = none;
again:
  /* findDecision: somebody with the same key may have been faster */
  if
  :: atomic { refused || row != none -> goto done }
  :: atomic { else -> skip }
  fi;
  /* wallet.hold */
  if
  :: atomic { ledger_hold(me, answer) }
  :: atomic { FAULT; ledger_hold(me, answer); answer = none;
      printf("request %d: never sees that answer, and is sent again\n", me); goto again }
  :: atomic { FAULT; printf("request %d: dies\n", me); goto done }
  fi;
  if
  :: atomic { answer == yes -> /* accept: sql/insert-payment.ts under the lock of the claim */
      if
#ifdef NO_CLAIM
      :: row == none -> row = PENDING;
#else
      :: !refused && row == none -> row = PENDING;
#endif
#ifdef OUTBOX_APART
        printf("request %d: writes the payment, PENDING, and commits\n", me); goto apart
#else
        outbox = pending; lawful();
        printf("request %d: writes payment and message, one commit\n", me); goto done
#endif
      :: else -> printf("request %d: finds that its twin has decided\n", me)
      fi }
  :: atomic { answer == no -> /* refuse: sql/refuse-claim.ts under the same lock */
      if
      :: !refused && row == none -> refused = true;
        printf("request %d: writes the refusal\n", me)
      :: else -> printf("request %d: finds that its twin has decided\n", me)
      fi;
      lawful() }
  :: atomic { FAULT; printf("request %d: dies\n", me); answer = none;
      if :: goto again :: goto done fi }
  fi;
  /* sealRefused, best effort: wallet.release */
  if
  :: atomic { !refused -> goto done }
  :: atomic { refused -> printf("request %d: seals what was refused\n", me);
      ledger_release(answer); goto done }
  :: atomic { refused && faults > 0 -> faults--; printf("request %d: dies\n", me); goto done }
  fi;
#ifdef OUTBOX_APART
apart:
  if
  :: atomic { outbox = pending; printf("request %d: writes the message, and commits\n", me) }
  :: atomic { FAULT; printf("request %d: dies\n", me) }
  fi;
#endif
done:
  answer = none
}

/* ---- the relay: packages/queue/src/outbox ---- */

/* A frozen relay that was taken over publishes late: that is a copy more (World); and the epoch
   keeps it from marking (postgres/fence-partitions.ts). So one relay is enough here. */
proctype Relay() {
end_idle:
  do
  :: /* postgres/claim-batch.ts; without a broker nothing is claimed */
    atomic { up && outbox == pending -> printf("relay: claims the message\n") };
#ifdef MARK_FIRST
    atomic { outbox = sent; printf("relay: marks it as sent, before it is\n") };
#endif
    /* send-batch.ts: publish, mandatory, and wait for the confirm */
    if
    :: atomic { up -> waiting++; printf("relay: publishes, the broker confirms\n") }
    :: atomic { up && faults > 0 -> faults--; waiting++;
        printf("relay: publishes, the confirm is lost\n"); goto end_idle }
    :: atomic { !up -> goto end_idle }
    :: atomic { FAULT; printf("relay: dies\n"); lawful(); goto end_idle }
    fi;
    /* record-batch.ts with sql/mark-dispatched.ts, one commit: the longer leash begins */
    if
    :: atomic { lock == 0 -> outbox = sent; stale = false;
        printf("relay: marks it as sent\n"); lawful() }
    :: atomic { FAULT; printf("relay: dies\n") }
    fi
  od
}

/* ---- the worker: packages/queue/src/consumer, examples/payflow/worker/src ---- */

/* A death, a lost connection to PostgreSQL, a time-out: what is open is rolled back, what is in
   hand goes back to the queue (settle.ts giveBack does it, or the broker). */
inline drop(me) {
  if :: hand[me] == held -> waiting++ :: else fi;
#ifndef NO_ROLLBACK
  if :: lock == me -> lock = 0 :: else fi;
  if :: entry == me -> entry = 0 :: else fi;
#endif
  hand[me] = none; answer = none; decision = none;
  lawful()
}
#define WAITS_TOO_LONG(me) \
  printf("worker %d: waits too long for a lock, gives the message back\n", me); \
  drop(me); goto end_idle
#define WORKER_DIES(me) \
  atomic { FAULT; printf("worker %d: dies\n", me); drop(me); goto end_idle }

/* run-transaction.ts: inbox row, sql/settle-payment.ts, the event; one commit */
inline worker_record(me) {
  inbox = true; entry = 0;
  if
  :: decision == late -> printf("worker %d: records the message alone, one commit\n", me)
  :: else -> row = decision; told++; lock = 0;
    printf("worker %d: records %e and the event, one commit\n", me, row)
  fi;
  lawful()
}

proctype Worker(byte me) {
  mtype answer = none, decision = none;
end_idle:
  /* a delivery, bound to the channel it came on: delivery.ts */
  atomic { up && waiting > 0 -> waiting--; hand[me] = held;
    printf("worker %d: is given the message\n", me);
#ifdef ACK_FIRST
    hand[me] = acked; printf("worker %d: acknowledges it\n", me);
#endif
  };
  /* attempt.ts lookUp: postgres/find-inbox.ts */
  if
#ifndef NO_INBOX
  :: atomic { inbox -> printf("worker %d: knows the message from the inbox\n", me);
      goto acknowledge }
#endif
  :: atomic { else -> skip }
  fi;
  /* execute-payment.ts decide: sql/read-payment.ts, without a lock */
  if
  :: atomic { row == none -> printf("worker %d: knows no such payment\n", me); goto park }
  :: atomic { ENDED -> decision = late;
      printf("worker %d: reads that the payment has ended\n", me);
#ifdef NO_LATE
      decision = none; goto retry
#else
      goto record
#endif
    }
  :: atomic { row == PENDING -> printf("worker %d: reads the payment, PENDING\n", me) }
  :: WORKER_DIES(me)
  fi;
  /* decide-payment.ts: wallet.post(payment) */
  if
  :: atomic { ledger_capture(me, answer) }
  :: atomic { FAULT; ledger_capture(me, answer); answer = none;
      printf("worker %d: never sees that answer\n", me);
#ifdef NO_ANSWER
      printf("worker %d: takes it for a yes\n", me); decision = COMPLETED; goto record
#else
      goto retry
#endif
    }
  :: WORKER_DIES(me)
  fi;
  if
  :: atomic { answer == yes -> decision = COMPLETED; answer = none }
#ifdef NO_SEAL
  :: atomic { answer == no -> decision = FAILED; answer = none }
#else
  /* a refusal is sealed before it is believed: release-hold.ts */
  :: atomic { answer == no -> printf("worker %d: seals the refusal\n", me);
      ledger_release(answer); decision = (answer == yes -> FAILED : COMPLETED); answer = none }
  :: atomic { answer == no && faults > 0 -> faults--; ledger_release(answer); answer = none;
      printf("worker %d: never sees that answer\n", me); goto retry }
#endif
  :: WORKER_DIES(me)
  fi;
record:
  /* BEGIN, and the entry of the inbox: postgres/claim-inbox.ts, insert-inbox.ts. It waits for a
     twin in mid-transaction; lock_timeout ends any wait for a lock, and the message comes again. */
  if
#ifdef NO_INBOX
  :: atomic { true -> skip }
#else
  :: atomic { inbox -> printf("worker %d: finds the message in the inbox, rolls back\n", me);
      answer = none; decision = none; goto acknowledge }
  :: atomic { !inbox && entry == 0 -> entry = me }
  :: atomic { entry != 0 -> WAITS_TOO_LONG(me) }
#endif
  :: WORKER_DIES(me)
  fi;
  /* sql/settle-payment.ts waits for whoever has the row, then compares its status; who read that
     the payment has ended touches the row no more, so waits for nobody */
  if
  :: atomic { decision == late -> skip }
#ifdef NO_CAS
  :: atomic { decision != late && lock == 0 -> lock = me }
#else
  :: atomic { decision != late && lock == 0 && row == PENDING -> lock = me }
  :: atomic { decision != late && lock == 0 && row != PENDING -> decision = late;
      printf("worker %d: finds the payment ended\n", me) }
#endif
  :: atomic { decision != late && lock != 0 -> WAITS_TOO_LONG(me) }
  :: WORKER_DIES(me)
  fi;
  if
  :: atomic { worker_record(me); answer = none; decision = none }
  :: atomic { FAULT; worker_record(me); /* was-committed.ts could not tell */
      printf("worker %d: never sees the answer to COMMIT\n", me); drop(me); goto end_idle }
  :: WORKER_DIES(me)
  fi;
acknowledge:
  /* settle.ts: by proof of the commit, on the channel that delivered or not at all */
  if
  :: atomic { hand[me] == held -> hand[me] = none; printf("worker %d: acknowledges\n", me);
      lawful(); goto end_idle }
  :: atomic { hand[me] != held -> hand[me] = none; lawful(); goto end_idle }
  :: WORKER_DIES(me)
  fi;
retry:
  /* settle.ts: a confirmed copy in a wait queue, then the ack */
  if
  :: atomic { up && hand[me] == held -> waiting++;
      printf("worker %d: puts the message into a wait queue\n", me); goto acknowledge }
  :: atomic { up && hand[me] == held && faults > 0 -> faults--; goto park }
  :: atomic { hand[me] != held -> goto acknowledge }
  :: WORKER_DIES(me)
  fi;
park:
  /* settle.ts park: its tries are used up, or it is a dead letter */
  if
  :: atomic { up && hand[me] == held -> parked++;
      printf("worker %d: parks the message\n", me); goto acknowledge }
  :: atomic { hand[me] != held -> goto acknowledge }
  :: WORKER_DIES(me)
  fi
}

/* ---- the reversal job: packages/reversal/src, examples/payflow/worker/src/reversal.ts ---- */

#ifdef NO_ROLLBACK
#define UNLOCK(me) skip
#else
#define UNLOCK(me) if :: lock == 10 + me -> lock = 0 :: else fi
#endif
#define JOB_DIES(me) \
  atomic { FAULT; printf("job %d: dies\n", me); answer = none; \
    UNLOCK(me); goto end_idle }

proctype Job(byte me) {
  mtype answer = none;
end_idle:
  /* sql/scan-stale.ts: a locked row is passed over, and the scan keeps no lock */
  atomic { row == PENDING && stale && lock == 0 ->
    printf("job %d: finds the payment stale\n", me) };
  /* resolve: release-hold.ts */
  if
#ifdef BY_CLOCK
  :: atomic { answer = yes;
      printf("job %d: takes it for failed, without asking the ledger\n", me) }
#else
  :: atomic { printf("job %d: asks to release the hold\n", me); ledger_release(answer) }
  :: atomic { FAULT; printf("job %d: asks to release the hold\n", me); ledger_release(answer);
      answer = none; printf("job %d: never sees that answer\n", me); goto end_idle }
#endif
  :: JOB_DIES(me)
  fi;
#ifdef NO_COMPLETING
  if
  :: atomic { answer == no -> printf("job %d: leaves it to the worker\n", me); goto done }
  :: atomic { else -> skip }
  fi;
#endif
  /* sql/settle-row.ts: SKIP LOCKED, and the status is compared once more */
  if
#ifdef NO_CAS
  :: atomic { lock == 0 -> lock = 10 + me }
#else
  :: atomic { lock == 0 && row == PENDING -> lock = 10 + me }
  :: atomic { lock != 0 || row != PENDING -> answer = none;
      printf("job %d: lost the row to another\n", me); goto end_idle }
#endif
  :: JOB_DIES(me)
  fi;
  /* onResolved: postgres/cancel-outbox.ts and the event; one commit */
  if
  :: atomic { row = (answer == yes -> FAILED : COMPLETED); told++; stale = false;
#ifndef NO_CANCEL
      if :: outbox == pending -> outbox = cancelled :: else fi;
#endif
      lock = 0; answer = none;
      printf("job %d: records %e and the event, one commit\n", me, row); lawful() }
  :: JOB_DIES(me)
  fi;
  goto end_idle;
#ifdef NO_COMPLETING
done:
  answer = none
#endif
}

/* ---- everything else: clocks, the broker, operators ---- */

inline take_back(worker) {
  if
  :: hand[worker] == held -> hand[worker] = disowned; waiting++
  :: else
  fi
}
#define GIVES_UP(worker) \
  atomic { faults > 0 && hand[worker] == held -> faults--; take_back(worker); \
    printf("broker: gives up worker %d, the message goes back\n", worker) }

proctype World() {
end_world:
  do
  :: atomic { row == PENDING && !stale -> stale = true;
      printf("clock: the payment's leash has run out\n") }
  :: atomic { faults > 0 && row == PENDING && stale -> faults--; stale = false;
      printf("clock: jumps back, the payment is young again\n") }
#ifndef NO_EXPIRY
  :: atomic { hold == open && !overdue -> overdue = true;
      printf("clock: the hold's time is up\n") }
#endif
  :: atomic { faults > 0 && hold == open && overdue -> faults--; overdue = false;
      printf("clock: jumps back, the hold is good again\n") }
  :: atomic { faults > 0 && up -> faults--; up = false;
      printf("broker: goes away, takes back what was in hand\n");
      take_back(1); take_back(2); take_back(3) }
  :: atomic { !up -> up = true; printf("broker: is there again\n") }
  :: GIVES_UP(1)
  :: GIVES_UP(2)
  :: GIVES_UP(3)
  :: atomic { faults > 0 && (waiting > 0 || outbox == sent) -> faults--; waiting++;
      printf("broker: has one more copy of the message\n") }
  :: atomic { faults > 0 && up && waiting > 0 -> faults--; waiting = 0; lost = true;
      printf("broker: loses its messages\n") }
  :: atomic { parked > 0 -> parked--; waiting++;
      printf("operator: sends a parked message again\n") }
  :: atomic { parked > 0 -> parked--; lost = true;
      printf("operator: throws a parked message away\n") }
  :: atomic { faults > 0 -> faults = 0; printf("world: nothing fails from here on\n") }
  od
}

/* Whatever happened: `timeout` is when nothing is left that could. */
#ifndef NO_REST
proctype AtRest() {
  atomic { timeout -> printf("world: comes to rest\n");
    assert(outbox != pending && waiting == 0 && UNLOCKED); /* rest-nothing-waits */
    assert((posts == 1) == (row == COMPLETED));            /* rest-posted-completed */
    assert(row != PENDING);                                /* rest-ended */
    assert(!HELD);                                         /* rest-money-free */
    assert(row == none || outbox != none)                  /* rest-message-written */
  }
}
#endif

init {
  atomic {
    run Request(1);
#if TWINS > 1
    run Request(2);
#endif
    run Relay();
    run Worker(1);
#if WORKERS > 1
    run Worker(2);
#endif
#if WORKERS > 2
    run Worker(3);
#endif
#if JOBS > 0
    run Job(1);
#endif
#if JOBS > 1
    run Job(2);
#endif
    run World();
#ifndef NO_REST
    run AtRest()
#endif
  }
}

/* Whatever happened, and if no process that can go on is kept from it for ever (weak fairness): */
ltl ends { [] (row == PENDING -> <> ENDED) }
ltl frees { [] (HELD -> <> !HELD) }
ltl drains { <> [] (waiting == 0 && parked == 0) }
