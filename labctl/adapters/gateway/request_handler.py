"""The broker's answers to a hello: a line for sshd, a session, or the broker's state."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable

import msgspec

from labctl.adapters.gateway import peer
from labctl.adapters.gateway.audit import AuditLog
from labctl.adapters.gateway.hello import Hello, Visit, visit
from labctl.adapters.gateway.sessions import Connection, Explain, SessionTable
from labctl.adapters.gateway.store_worker import Question, StoreAnswer, StoreWorker
from labctl.domain.access.gateway import FORMS, Order, Session, in_cohort, parse, said
from labctl.domain.access.tickets import Holder, Ticket, Tickets
from labctl.domain.classroom.cohort import Deed, Happening
from labctl.domain.classroom.keys import fingerprint
from labctl.errors import EngineError, LabctlError, RefusedError
from labctl.hints import Hint
from labctl.views.gateway import BrokerStatus

_KIND = re.compile(r"[a-z0-9@.-]{1,64}", re.ASCII)
_BLOB = re.compile(r"[A-Za-z0-9+/]{16,16384}={0,2}", re.ASCII)
_MOST_LINES = 200

Done = Callable[[], None]


class RequestHandler:
    """Answers hellos. ``socket`` is the broker's socket for logins. ``language`` is used for clients that send no
    language."""

    def __init__(
        self,
        socket: str,
        language: str,
        sessions: SessionTable,
        explain: Explain,
        store_worker: StoreWorker,
        audit: AuditLog,
    ) -> None:
        self._socket = socket
        self.language = language
        self._sessions = sessions
        self._explain = explain
        self._store_worker = store_worker
        self._audit = audit
        self._tickets = Tickets()
        self._since = time.time()

    def receive(self, client: Connection, hello: Hello, done: Done) -> None:
        """Answer the hello, now or later. Call ``done`` when no other answer follows."""
        if hello.what == "key":
            self._key(client, hello, done)
        elif hello.what == "session":
            _Arrival(self, client, hello, done).begin()
        else:
            client.answer(msgspec.json.encode(self._status()))
            done()

    def sweep(self) -> None:
        """Delete the tickets of logins that have ended."""
        self._tickets.sweep(lambda login: peer.process(login.pid) == login)

    def _status(self) -> BrokerStatus:
        return BrokerStatus(
            pid=os.getpid(),
            since=self._since,
            logins=len(self._tickets),
            sessions=list(self._sessions.lines())[:_MOST_LINES],
            refusals=list(self._audit.refusals),
            served=self._sessions.served,
            lost=self._audit.lost,
        )

    def _key(self, client: Connection, hello: Hello, done: Done) -> None:
        """Answer sshd's AuthorizedKeysCommand. Its parent is the sshd process of that login."""
        kind, blob = hello.values
        login = next(peer.ancestors(client.who.pid), None)
        if login is None or not peer.is_sshd(login.pid) or not _KIND.fullmatch(kind) or not _BLOB.fullmatch(blob):
            self._audit.write("refused", pid=client.who.pid, why="the key lookup does not come from sshd")
            done()
            return
        key = f"{kind} {blob}"

        def then(answer: StoreAnswer) -> None:
            if answer.holder is not None:
                secret = self._tickets.issue(login, answer.holder)
                client.answer(f'restrict,pty,command="{self._socket} {secret}" {key}\n'.encode())
            else:
                self._tickets.revoke(login)
                why = answer.problem or "no learner has this key"
                self._audit.write("refused", key=fingerprint(key), sshd=login.pid, why=why)
            done()

        self._store_worker.ask(Question(key=key), then)

    def redeem(self, secret: str, pid: int) -> Ticket | None:
        """See Tickets.redeem."""
        return self._tickets.redeem(secret, list(peer.ancestors(pid)))

    def whose(self, key: str, then: Callable[[StoreAnswer], None]) -> None:
        """Look the key up again, because the cohort may have ended between the creation of the ticket and its use."""
        self._store_worker.ask(Question(key=key), then)

    def admit(self, client: Connection, session: Session, descriptors: tuple[int, ...]) -> None:
        """Start the session. Raises LabctlError if it can't be started."""
        self._sessions.admit(session.holder.learner)
        try:
            self._sessions.start(client, session, descriptors)
        except OSError as error:
            raise EngineError("the server can't start one more program: {why}", why=str(error.strerror)) from error

    def record(self, what: str, learner: str, deed: Deed | None, text: str, **values: object) -> None:
        """Write a deed to the log and to the store. The instructor sees the deeds that are in the store."""
        self._audit.write(what, learner=learner, **values)
        if deed is not None and learner:
            self._store_worker.ask(Question(happening=Happening(time.time(), learner, deed, text)))

    def record_reports(self) -> None:
        """Record the reports of sessions. From these reports alone, the broker learns which orders are typed in a
        menu."""
        for report, session in self._sessions.reported():
            learner = session.holder.learner
            deed = next((form.deed for verb, form in FORMS.items() if verb == report.verb), None)
            self.record(
                report.what, learner, "refused" if report.what == "refused" else deed, report.said, said=report.said
            )

    def refuse(self, client: Connection, error: LabctlError, language: str) -> None:
        """Send the reason for a refusal to the client."""
        client.dismiss(int(error.exit_code), self._explain(error, language))


class _Arrival:
    """A login that requests a session, from its hello until the session runs or is refused."""

    def __init__(self, handler: RequestHandler, client: Connection, hello: Hello, done: Done) -> None:
        self._handler = handler
        self._client = client
        self._hello = hello
        self._visit: Visit = visit(hello)
        self._language = self._visit.language or handler.language
        self._done = done

    def begin(self) -> None:
        """Redeem the ticket, then look up its key."""
        ticket = self._handler.redeem(self._visit.ticket, self._client.who.pid)
        if ticket is None:
            self._refuse(
                RefusedError("this login is not known here", hint=Hint.LOG_IN),
                "",
                "the ticket belongs to another login",
            )
            return
        self._handler.whose(ticket.holder.key, lambda answer: self._known(ticket, answer))

    def _known(self, ticket: Ticket, answer: StoreAnswer) -> None:
        holder = answer.holder
        learner = ticket.holder.learner
        if self._client.closed:
            self._hello.close()
        elif answer.problem:
            self._refuse(
                EngineError("the server's store doesn't answer", hint=Hint.TELL_INSTRUCTOR), learner, answer.problem
            )
        elif holder is None or holder.learner != learner:
            self._refuse(RefusedError("you are not in this class any more"), learner, "no longer a member of a cohort")
        else:
            if not ticket.used:
                self._handler.record("login", learner, "login", self._visit.address, address=self._visit.address)
            ticket.used += 1
            self._welcome(holder)

    def _welcome(self, holder: Holder) -> None:
        visit = self._visit
        order = Order("menu")
        try:
            order = in_cohort(parse(visit.said), holder.labs)
            session = Session(holder, order, order.language or self._language, visit.terminal, visit.address)
            self._handler.admit(self._client, session, self._hello.descriptors)
        except RefusedError as error:
            self._refuse(error, holder.learner, str(error))
            return
        except LabctlError as error:
            self._handler.record("mistake", holder.learner, None, "", said=visit.said, why=str(error))
            self._dismiss(error)
            return
        self._hello.close()
        self._handler.record(
            "begun", holder.learner, FORMS[order.verb].deed, said(order), said=said(order), pid=self._client.session
        )

    def _refuse(self, error: LabctlError, learner: str, why: str) -> None:
        text = f"{self._visit.said[:200]!a}: {why}"
        self._handler.record(
            "refused", learner, "refused", text, said=self._visit.said, address=self._visit.address, why=why
        )
        self._dismiss(error)

    def _dismiss(self, error: LabctlError) -> None:
        self._hello.close()
        self._handler.refuse(self._client, error, self._language)
        self._done()
