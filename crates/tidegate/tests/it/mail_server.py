"""A mail server by aiosmtpd that demands STARTTLS and a password. Prints its port, then each mail that it took."""

import asyncio
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Mails:
    async def handle_DATA(self, server, session, envelope):
        print("FROM", envelope.mail_from, "TO", *envelope.rcpt_tos, "UTF8", envelope.smtp_utf8, "AS", session.auth_data)
        print(envelope.content.decode(), flush=True)
        return "250 taken"


def check(server, session, envelope, mechanism, data):
    right = data.login == b"kasa" and data.password == b"correct horse"
    return AuthResult(success=right, handled=False, auth_data=data.login.decode())


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("mail.crt", "mail.key")
    loop = asyncio.get_running_loop()
    settings = {"tls_context": context, "require_starttls": True, "authenticator": check, "auth_required": True}
    server = await loop.create_server(lambda: SMTP(Mails(), enable_SMTPUTF8=True, loop=loop, **settings), "127.0.0.1", 0)
    print("PORT", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


sys.exit(asyncio.run(main()))
