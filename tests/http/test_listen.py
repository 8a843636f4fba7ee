"""Sockets the service listens on."""

import asyncio
import socket

from muslin.http.listen import listening


def test_answers_are_sent_at_once() -> None:
    """The end of an answer must not wait until the client's machine has acknowledged its beginning."""

    async def accepted(listener: socket.socket) -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def met(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            met_socket = writer.get_extra_info("socket")
            found.set_result(met_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(met, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
            said = await asyncio.wait_for(found, 10)
            writer.close()
            return said

    with listening("127.0.0.1", 0, locked=False) as listener:
        assert asyncio.run(accepted(listener)) != 0
